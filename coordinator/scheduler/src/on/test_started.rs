//! Tests of a batch have begun.

use muster_common::control::TestStarted;
use muster_common::id::AgentName;

use crate::scheduler::Scheduler;

impl Scheduler {
    /// Remembered in memory only: tells which tests may have brought their agent down.
    pub(crate) fn on_test_started(&mut self, agent: &AgentName, started: &TestStarted) {
        let Some(batch) = self.batches.get_mut(&started.batch) else { return };
        let is_its_own = self.leases.get(&batch.row.shard).is_some_and(|lease| lease.row.agent == *agent);
        if !is_its_own || batch.row.is_over {
            return;
        }
        let (job, shard, now) = (batch.row.job, batch.row.shard, self.now.monotonic);
        for test in started.tests.iter().filter(|test| batch.open.contains(test)) {
            batch.started.entry(*test).or_insert(now);
            let suite = self.jobs.get_mut(&job).and_then(|job| job.suite.as_deref_mut());
            if let Some(suite) = suite {
                suite.running.insert(*test);
                suite.note_progress(shard, now);
            }
        }
        self.pending.shards_changed.insert(job);
    }
}
