//! A client stops a run: what waits ends at once, what runs is told to stop, and nothing is tried again.

use muster_common::id::{JobId, RunId};

use crate::change::cancelled;
use crate::scheduler::Scheduler;
use crate::{Answer, Ask, Refusal};

impl Scheduler {
    pub(crate) fn on_cancel_run(&mut self, ask: Ask, run: RunId) {
        let Some(found) = self.runs.open.get_mut(&run) else {
            return self.refuse(ask, Refusal::RunUnknown { run });
        };
        let had_ended = found.row.end.is_some();
        if had_ended || found.row.is_cancel_requested {
            return self.answer(ask, Answer::Cancelled { had_ended });
        }
        found.row.is_cancel_requested = true;
        self.touch_run(run);
        self.answer(ask, Answer::Cancelled { had_ended: false });
        let open: Vec<JobId> = self.jobs_of(run).filter(|(_, job)| !job.has_ended()).map(|(job, _)| job).collect();
        for job in open {
            self.stop_job(job, cancelled());
        }
    }
}
