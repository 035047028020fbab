//! Something may be due.

use muster_common::control::{CancelReason, ToAgent};
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentName, JobId};
use muster_common::outcome::Outcome;

use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::state::{Liveness, Stop};

impl Scheduler {
    pub(crate) fn on_deadline(&mut self) {
        self.retire_restored();
        while let Some(deadline) = self.deadlines.pop_due(self.now.monotonic) {
            match deadline {
                Deadline::Agent(name) => self.doubt_if_due(&name),
                Deadline::Queue(job) => self.queue_timeout(job),
                Deadline::Timeout(job) => self.timeout(job),
                Deadline::Stop(job) => self.stop_is_due(job),
                Deadline::Retry(job) => self.retry_anywhere(job),
                Deadline::Overdue(job) => {
                    self.pending.offers.insert(job);
                }
                Deadline::Places(token) => self.free_places(token),
                Deadline::Memory => self.learn_on(),
                Deadline::Fences => self.lift_fences(),
                Deadline::Reasons => self.tell_reasons(),
                Deadline::Leftover(agent, token) => {
                    self.send_to(&agent, ToAgent::Cancel { token, reason: CancelReason::Superseded });
                }
            }
        }
    }

    fn doubt_if_due(&mut self, name: &AgentName) {
        let Some(agent) = self.agents.table.get(name) else { return };
        if agent.next_doubt(&self.config) > self.now.monotonic {
            return self.watch_agent(name);
        }
        match agent.liveness {
            Liveness::Alive | Liveness::Absent => self.suspect_agent(name),
            Liveness::Suspect => self.lose_agent(name),
            Liveness::Lost => self.give_up_agent(name),
        }
    }

    fn queue_timeout(&mut self, job: JobId) {
        let waited_for = self.job_summary(job).waiting_for;
        let limit_ms = self.spec(job).queue_timeout_ms;
        let message = format!("it waited {} s for {waited_for}", limit_ms / 1_000);
        self.end_job(job, Outcome::Errored, Some(Reason::new(ReasonCode::QueueTimeout, message)));
    }

    /// A job has run longer than it may.
    pub(crate) fn timeout(&mut self, job: JobId) {
        let limit_ms = self.spec(job).timeout_ms;
        let message = format!("it ran longer than its time limit of {} s", limit_ms / 1_000);
        let stop = Stop {
            outcome: Outcome::TimedOut,
            reason: Reason::new(ReasonCode::Timeout, message),
            cancel: CancelReason::Timeout,
        };
        self.stop_job(job, stop);
    }

    /// The attempts of a job that is being stopped have had their time.
    fn stop_is_due(&mut self, job: JobId) {
        if let Some(stop) = self.job(job).stop.clone() {
            self.end_job(job, stop.outcome, Some(stop.reason));
        }
    }

    fn retry_anywhere(&mut self, job: JobId) {
        self.suite_mut(job).is_retry_anywhere = true;
        self.pending.offers.insert(job);
    }
}
