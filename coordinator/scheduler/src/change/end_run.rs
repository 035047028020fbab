//! A run ends.

use muster_common::id::RunId;

use crate::End;
use crate::policy::verdict::{self, EndedJob};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Ends a run whose jobs have all ended. Its report is to be stored; then its rows go.
    pub(crate) fn end_run(&mut self, run: RunId) {
        let found = &self.runs.open[&run];
        let jobs = self.jobs_of(run).filter_map(|(job, ended)| {
            let spec = found.spec(job.job);
            let end = ended.row.end.as_ref()?;
            Some(EndedJob {
                name: &spec.name,
                outcome: end.outcome,
                reason: end.reason.as_ref(),
                may_fail: spec.may_fail,
            })
        });
        let (outcome, reason) = verdict::of_run(jobs, found.row.is_cancel_requested);
        let at = self.now.wall;
        let found = self.runs.open.get_mut(&run).expect("a run that ends is open");
        found.row.end = Some(End { outcome, reason, at });
        self.runs.unended -= 1;
        self.touch_run(run);
        self.pending.retires.insert(run);
    }
}
