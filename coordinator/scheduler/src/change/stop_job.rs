//! A job is stopped: at once if nothing of it is live, otherwise when its attempts have ended.

use muster_common::control::ToAgent;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::JobId;
use muster_common::outcome::Outcome;

use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::state::Stop;

impl Scheduler {
    /// Stops a job.
    pub(crate) fn stop_job(&mut self, job: JobId, stop: Stop) {
        if self.job(job).has_ended() {
            return;
        }
        self.queue.leave(job);
        if self.job(job).live.is_empty() {
            return self.end_job(job, stop.outcome, Some(stop.reason));
        }
        for token in self.job(job).live.clone() {
            let agent = self.leases[&token].row.agent.clone();
            self.send_to(&agent, ToAgent::Cancel { token, reason: stop.cancel });
        }
        self.hold_stop(job, stop);
    }

    /// Remembers how a job will end, for as long as its attempts may take.
    pub(crate) fn hold_stop(&mut self, job: JobId, stop: Stop) {
        self.job_mut(job).stop = Some(stop);
        let at = self.now.monotonic + self.config.stop_grace;
        self.deadlines.set(Deadline::Stop(job), at);
        self.deadlines.clear(&Deadline::Timeout(job));
        self.deadlines.clear(&Deadline::Retry(job));
    }
}

/// How a job ends that somebody has stopped.
pub(crate) fn cancelled() -> Stop {
    Stop {
        outcome: Outcome::Cancelled,
        reason: Reason::new(ReasonCode::Cancelled, "the run was cancelled"),
        cancel: muster_common::control::CancelReason::Cancelled,
    }
}
