//! Why jobs wait has changed with the fleet: their watchers are told.

use std::time::Duration;

use muster_common::id::JobId;

use crate::JobState;
use crate::deadlines::Deadline;
use crate::scheduler::Scheduler;
use crate::summary::state_of;

impl Scheduler {
    /// An agent has come, gone, fallen silent or begun to drain, so the reasons of jobs in line may be others now. A whole fleet may do
    /// that at once: what changes within a short time is told together.
    pub(crate) fn fleet_changed(&mut self) {
        if !self.queue.places.is_empty() || !self.queue.blocked.is_empty() {
            self.deadlines.set_if_clear(Deadline::Reasons, self.now.monotonic + REASONS_PAUSE);
        }
    }

    /// Tells the watchers of every job that waits for agents why it does, where that is not what they know.
    pub(crate) fn tell_reasons(&mut self) {
        let waits_otherwise = |job: &&JobId| {
            let found = self.job(**job);
            state_of(found) == JobState::Queued && self.agents_waited_for(**job) != found.told_wait
        };
        let waiting = self.queue.places.keys().chain(&self.queue.blocked);
        let changed: Vec<JobId> = waiting.filter(waits_otherwise).copied().collect();
        self.pending.jobs_changed.extend(changed);
    }
}

/// How long changes of the fleet are gathered before the reasons are told.
const REASONS_PAUSE: Duration = Duration::from_secs(1);
