//! State from stored rows.
//!
//! What rows do not say is either derived from them (live tokens, sums, who waits), or begins anew: every deadline, and
//! every agent, which has a grace to claim what it held.

use std::collections::BTreeSet;

use muster_common::id::{Epoch, JobId, RunId, TestIndex, Token};
use muster_common::outcome::{TestVerdict, TryOutcome};
use muster_common::spec::Work;
use muster_common::time::Now;

use crate::change::cancelled;
use crate::on::digest_of;
use crate::scheduler::Scheduler;
use crate::state::{Agent, Batch, Job, Lease, Run, Suite};
use crate::{BatchRow, Config, JobRow, LeasePart, LeaseRow, MemoryTestRow, Row, RunRow, TestNamesRow, TestRow, TryRow};

/// Stored rows do not make a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A row refers to another that is not there.
    #[error("the stored rows are damaged: {what} refers to {missing}, which is not there")]
    Orphan {
        /// The row.
        what: String,
        /// What it refers to.
        missing: String,
    },
    /// A token is not older than this life of the coordinator.
    #[error("lease or batch {token} is not older than epoch {epoch}: the epoch was not raised before the start")]
    EpochNotRaised {
        /// The token.
        token: Token,
        /// The epoch of this life.
        epoch: Epoch,
    },
    /// The list of a job's tests is not whole.
    #[error("the stored rows are damaged: job {job} has {found} names of tests and should have {expected}")]
    NamesMissing {
        /// The job.
        job: JobId,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}

impl Scheduler {
    /// The state that wrote `rows`, which come in the order of their keys. No agent is connected; each that holds a
    /// lease has a grace to claim it.
    ///
    /// # Errors
    /// If the rows do not fit together, or the epoch is not above that of every token in them.
    pub fn restore(
        config: Config,
        epoch: Epoch,
        rows: impl IntoIterator<Item = Row>,
        now: Now,
    ) -> Result<Self, RestoreError> {
        let mut scheduler = Self::new(config, epoch);
        scheduler.now = now;
        for row in rows {
            scheduler.restore_row(row)?;
        }
        scheduler.memory.restored();
        scheduler.watch_fences();
        scheduler.link_jobs();
        for job in scheduler.jobs.keys().copied().collect::<Vec<_>>() {
            scheduler.restore_job(job)?;
        }
        scheduler.pending.rows.clear();
        scheduler.pending.jobs_changed.clear();
        Ok(scheduler)
    }

    fn restore_row(&mut self, row: Row) -> Result<(), RestoreError> {
        match row {
            Row::Counters(row) => self.counters = row,
            Row::History(row) => {
                let run = row.summary.run;
                if !row.request_id.is_empty() {
                    self.runs.requests.insert(row.request_id.clone(), run);
                }
                self.runs.history.insert(run, row.request_id);
            }
            Row::MemorySuite(row) => self.memory.restore_suite(row),
            Row::MemoryTest(row) => self.restore_remembered(*row)?,
            Row::AgentHealth(row) => self.memory.health.restore(*row),
            Row::Run(row) => self.restore_run(*row),
            Row::Job(row) => self.restore_job_row(*row)?,
            Row::TestNames(row) => self.restore_names(row)?,
            Row::Test(row) => self.restore_test(*row)?,
            Row::Lease(row) => self.restore_lease(*row)?,
            Row::Batch(row) => self.restore_batch(*row)?,
        }
        Ok(())
    }

    fn restore_remembered(&mut self, row: MemoryTestRow) -> Result<(), RestoreError> {
        let what = format!("remembered test {} of suite {}", row.place, row.suite);
        let missing = format!("suite {}, or its own place there", row.suite);
        if self.memory.restore_test(row) { Ok(()) } else { Err(RestoreError::Orphan { what, missing }) }
    }

    fn restore_run(&mut self, row: RunRow) {
        let run = row.run;
        if !row.request_id.is_empty() {
            self.runs.requests.insert(row.request_id.clone(), run);
        }
        if row.end.is_some() {
            self.pending.retires.insert(run);
        } else {
            self.runs.unended += 1;
        }
        self.runs.open.insert(run, Run::new(row));
    }

    fn restore_job_row(&mut self, row: JobRow) -> Result<(), RestoreError> {
        let job = row.job;
        let orphan = || RestoreError::Orphan { what: format!("job {job}"), missing: format!("run {}", job.run) };
        let run = self.runs.open.get_mut(&job.run).ok_or_else(orphan)?;
        let spec = run.row.spec.jobs.get(job.job.0 as usize).ok_or_else(orphan)?;
        let is_test_job = matches!(spec.work, Work::Tests(_));
        if row.end.is_none() {
            run.jobs_open += 1;
        }
        run.tests += row.sealed.unwrap_or(0);
        self.jobs.insert(job, Job::new(row, is_test_job));
        Ok(())
    }

    fn restore_names(&mut self, row: TestNamesRow) -> Result<(), RestoreError> {
        let job = row.job;
        let suite = self.test_job(job, "test names")?.suite.as_deref_mut().expect("a test job has a suite");
        let (found, expected) = (suite.names.len(), row.first.0 as usize);
        if found != expected {
            return Err(RestoreError::NamesMissing { job, found, expected });
        }
        suite.name_rows.insert(row.first);
        suite.names.extend(row.names);
        Ok(())
    }

    fn restore_test(&mut self, row: TestRow) -> Result<(), RestoreError> {
        let retries = retries_granted(&row.tries, row.verdict);
        let suite = self.made_suite(row.job, "a test")?;
        if row.test.0 as usize >= suite.tests.len() {
            let what = format!("test {} of job {}", row.test, row.job);
            return Err(RestoreError::Orphan { what, missing: "its name".to_owned() });
        }
        for test_try in row.tries {
            suite.add_try(row.test, test_try);
        }
        suite.test_mut(row.test).lost = row.lost;
        suite.test_mut(row.test).known.is_quarantined = row.is_quarantined;
        if let Some(verdict) = row.verdict {
            suite.decide(row.test, verdict);
        }
        if let Some(run) = self.runs.open.get_mut(&row.job.run) {
            run.retries += retries;
        }
        Ok(())
    }

    fn restore_lease(&mut self, row: LeaseRow) -> Result<(), RestoreError> {
        let (token, job) = (row.token, row.job);
        self.check_epoch(token)?;
        let orphan = || RestoreError::Orphan { what: format!("lease {token}"), missing: format!("job {job}") };
        let found = self.jobs.get_mut(&job).ok_or_else(orphan)?;
        found.leases.insert(token);
        let has_places = !row.places.is_empty() && found.suite.is_some();
        if !row.is_over {
            found.live.insert(token);
            if let (LeasePart::Shard(_), Some(suite)) = (row.part, found.suite.as_deref_mut()) {
                suite.add_shard(token, row.agent.clone(), self.now.monotonic);
            }
            self.restore_holder(&row);
        }
        self.leases.insert(token, Lease::new(row));
        if has_places {
            // As if its agent had been heard last now.
            self.keep_places(token, self.now.monotonic + self.config.lease_unrepeatable);
        }
        Ok(())
    }

    /// The agent of a live lease, which has not claimed it yet.
    fn restore_holder(&mut self, row: &LeaseRow) {
        let project = self.runs.open[&row.job.run].project.clone();
        self.queue.charge(&project);
        let seen = self.now.monotonic;
        let grace_until = seen + self.config.restore_grace;
        if !self.agents.table.contains_key(&row.agent) {
            let agent = Agent::absent(row.agent.clone(), row.life, seen, grace_until);
            self.agents.table.insert(row.agent.clone(), agent);
            self.agents.doubtful += 1;
            self.watch_agent(&row.agent);
        }
        if let Some(agent) = self.agents.table.get_mut(&row.agent) {
            agent.held.insert(row.token, project);
        }
    }

    fn restore_batch(&mut self, row: BatchRow) -> Result<(), RestoreError> {
        let (token, shard) = (row.token, row.shard);
        self.check_epoch(token)?;
        let orphan = |missing: String| RestoreError::Orphan { what: format!("batch {token}"), missing };
        let lease = self.leases.get_mut(&shard).ok_or_else(|| orphan(format!("lease {shard}")))?;
        lease.batches.insert(token);
        let now = self.now.monotonic;
        let suite = self.made_suite(row.job, "a batch")?;
        if let Some((test, _)) = row.tests.iter().find(|(test, _)| test.0 as usize >= suite.tests.len()) {
            return Err(orphan(format!("test {test}")));
        }
        let is_open = |(test, attempt): &(TestIndex, u32)| {
            suite.test(*test).verdict.is_none() && suite.test(*test).attempt() == *attempt
        };
        let open: BTreeSet<TestIndex> = row.tests.iter().copied().filter(is_open).map(|(test, _)| test).collect();
        for test in &open {
            if row.is_over {
                suite.test_mut(*test).past.push(token);
            } else {
                suite.add_live(*test, token);
            }
        }
        if !row.is_over {
            suite.add_open(shard, open.iter().copied(), now);
        }
        self.batches.insert(token, Batch::new(row, open));
        Ok(())
    }

    fn test_job(&mut self, job: JobId, what: &str) -> Result<&mut Job, RestoreError> {
        let missing = || RestoreError::Orphan { what: what.to_owned(), missing: format!("test job {job}") };
        self.jobs.get_mut(&job).filter(|found| found.suite.is_some()).ok_or_else(missing)
    }

    /// The tests of a test job whose names are all restored.
    fn made_suite(&mut self, job: JobId, what: &str) -> Result<&mut Suite, RestoreError> {
        let suite = self.test_job(job, what)?.suite.as_deref().expect("a test job has a suite");
        if suite.tests.len() != suite.names.len() {
            self.make_tests(job);
        }
        Ok(self.suite_mut(job))
    }

    fn check_epoch(&self, token: Token) -> Result<(), RestoreError> {
        if token.epoch < self.epoch { Ok(()) } else { Err(RestoreError::EpochNotRaised { token, epoch: self.epoch }) }
    }

    fn link_jobs(&mut self) {
        for job in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.link_needs(job);
        }
    }

    /// What follows from a job's rows: who waits, what is armed.
    fn restore_job(&mut self, job: JobId) -> Result<(), RestoreError> {
        let found = self.job(job);
        if found.has_ended() {
            self.check_names(job)?;
            self.begin_lesson(job);
            return Ok(());
        }
        if found.row.sealed.is_some() {
            self.check_names(job)?;
            self.restore_waiting_tests(job);
        } else {
            self.restore_early_shards(job);
        }
        if self.job(job).row.started.is_some() {
            self.arm_timeout(job);
        }
        self.restore_wait(job);
        Ok(())
    }

    fn restore_wait(&mut self, job: JobId) {
        let found = self.job(job);
        // One that waits for others needs nothing: what waits for nothing was queued in the step in which it came to that.
        if found.row.queued.is_none() {
            return;
        }
        if self.is_cancelled(job.run) {
            self.hold_stop(job, cancelled());
        } else if found.row.sealed.is_some() {
            self.pending.offers.insert(job);
        } else if !found.is_under_way() {
            self.requeue(job);
        }
    }

    fn is_cancelled(&self, run: RunId) -> bool {
        self.runs.open.get(&run).is_some_and(|run| run.row.is_cancel_requested)
    }

    fn check_names(&mut self, job: JobId) -> Result<(), RestoreError> {
        let Some(expected) = self.job(job).row.sealed else { return Ok(()) };
        self.made_suite(job, "its names")?;
        let suite = self.suite_mut(job);
        let (found, expected) = (suite.names.len(), expected as usize);
        suite.names_sha256 = Some(digest_of(&suite.names));
        if found == expected { Ok(()) } else { Err(RestoreError::NamesMissing { job, found, expected }) }
    }

    fn restore_waiting_tests(&mut self, job: JobId) {
        let suite = self.suite_mut(job);
        let waiting: Vec<TestIndex> = (0..)
            .map(TestIndex)
            .zip(&suite.tests)
            .filter(|(_, test)| test.verdict.is_none() && test.live.is_empty())
            .map(|(index, _)| index)
            .collect();
        for test in waiting {
            suite.await_dealing(test);
        }
    }
}

/// Tries of a test that failed and were, or are to be, followed by another.
pub(crate) fn retries_granted(tries: &[TryRow], verdict: Option<TestVerdict>) -> u32 {
    let last = usize::from(verdict.is_some());
    let followed = tries.len().saturating_sub(last);
    let failed = tries.iter().take(followed).filter(|test_try| test_try.outcome == TryOutcome::Failed);
    u32::try_from(failed.count()).unwrap_or(u32::MAX)
}
