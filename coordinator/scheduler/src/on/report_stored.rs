//! The report of a run that has ended is stored: its rows go, its summary stays.

use muster_common::digest::Digest;
use muster_common::id::RunId;

use crate::scheduler::{Scheduler, test_keys};
use crate::{HistoryRow, Key, Row, Write};

impl Scheduler {
    pub(crate) fn on_report_stored(&mut self, run: RunId, report: Digest) {
        if self.runs.open.get(&run).is_none_or(|found| found.row.end.is_none()) {
            return;
        }
        let summary = self.full_summary(run);
        let jobs: Vec<_> = self.jobs_of(run).map(|(job, _)| job).collect();
        for job in jobs {
            if let Some(found) = self.jobs.remove(&job) {
                self.pending.rows.extend(test_keys(job, &found));
                self.touch(Key::Job(job));
                if let Some(lesson) = self.memory.lessons.get_mut(&job) {
                    lesson.suite = found.suite;
                }
            }
        }
        let Some(found) = self.runs.open.remove(&run) else { return };
        self.touch(Key::Run(run));
        self.pending.retires.remove(&run);
        let request_id = found.row.request_id;
        self.runs.history.insert(run, request_id.clone());
        let row = HistoryRow { summary, request_id, report };
        self.pending.writes.push(Write::Put(Row::History(Box::new(row))));
        self.trim_history();
    }

    fn trim_history(&mut self) {
        while self.runs.history.len() > self.config.history_max {
            let Some((run, request_id)) = self.runs.history.pop_first() else { return };
            self.runs.requests.remove(&request_id);
            self.pending.writes.push(Write::Delete(Key::History(run)));
        }
    }
}
