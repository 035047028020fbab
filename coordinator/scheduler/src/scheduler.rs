//! The scheduler and one step of it.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::control::ToAgent;
use muster_common::id::{AgentName, Epoch, JobId, JobIndex, RunId, SessionId, TestIndex, Token};
use muster_common::spec::JobSpec;
use muster_common::time::{Monotonic, Now};

use crate::deadlines::Deadlines;
use crate::state::{Agents, Batches, Job, Leases, Memory, Queue, Runs};
use crate::{Answer, Ask, Config, CountersRow, Effect, Event, Input, Key, Refusal, Row, Step, Write};

/// Everything that is known of runs, jobs, tests and agents, and the rules by which it changes.
#[derive(Clone, Debug)]
pub struct Scheduler {
    pub(crate) config: Config,
    pub(crate) epoch: Epoch,
    /// The time of the present step.
    pub(crate) now: Now,
    /// Tokens given out in this life.
    pub(crate) tokens: u64,
    pub(crate) counters: CountersRow,
    pub(crate) runs: Runs,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) leases: Leases,
    pub(crate) batches: Batches,
    pub(crate) agents: Agents,
    pub(crate) queue: Queue,
    pub(crate) memory: Memory,
    pub(crate) deadlines: Deadlines,
    pub(crate) pending: Pending,
}

/// What the present step has gathered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// Rows that have changed or gone.
    pub(crate) rows: BTreeSet<Key>,
    /// Rows that are stored and not kept in memory.
    pub(crate) writes: Vec<Write>,
    pub(crate) effects: Vec<Effect>,
    /// Jobs whose needs have all ended.
    pub(crate) begins: BTreeSet<JobId>,
    /// Test jobs that may have something to deal, or want another shard.
    pub(crate) offers: BTreeSet<JobId>,
    /// Runs whose watchers are to be told.
    pub(crate) runs_changed: BTreeSet<RunId>,
    /// Jobs whose watchers are to be told.
    pub(crate) jobs_changed: BTreeSet<JobId>,
    /// Test jobs of whose shards watchers are to be told.
    pub(crate) shards_changed: BTreeSet<JobId>,
    /// Tests that agents are to give up, by batch.
    pub(crate) withdrawals: BTreeMap<Token, (AgentName, Vec<TestIndex>)>,
    /// Runs that have ended and whose report is to be asked for.
    pub(crate) retires: BTreeSet<RunId>,
}

impl Scheduler {
    /// A scheduler over an empty store.
    #[must_use]
    pub fn new(config: Config, epoch: Epoch) -> Self {
        Self {
            config,
            epoch,
            now: Now::default(),
            tokens: 0,
            counters: CountersRow::default(),
            runs: Runs::default(),
            jobs: BTreeMap::new(),
            leases: Leases::new(),
            batches: Batches::new(),
            agents: Agents::default(),
            queue: Queue::default(),
            memory: Memory::default(),
            deadlines: Deadlines::default(),
            pending: Pending::default(),
        }
    }

    /// Takes one input at its time. Times must not go back from call to call.
    pub fn step(&mut self, now: Now, input: Input) -> Step {
        self.now = now;
        self.on(input);
        self.settle();
        self.finish()
    }

    /// When [`Input::Deadline`] is wanted at the latest; none: not before another input.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Monotonic> {
        if self.pending.retires.is_empty() { self.deadlines.next() } else { Some(Monotonic::default()) }
    }

    /// Every row as it stands, but for the history, which is only in the store: what a store holds that has taken all writes.
    #[must_use]
    pub fn durable_view(&self) -> BTreeMap<Key, Row> {
        let keys = std::iter::once(Key::Counters)
            .chain(self.runs.open.keys().map(|run| Key::Run(*run)))
            .chain(self.jobs.keys().map(|job| Key::Job(*job)))
            .chain(self.jobs.iter().flat_map(|(job, found)| test_keys(*job, found)))
            .chain(self.leases.keys().map(|token| Key::Lease(*token)))
            .chain(self.batches.keys().map(|token| Key::Batch(*token)))
            .chain(self.memory.keys());
        keys.filter_map(|key| self.row(key).map(|row| (key, row))).collect()
    }

    fn finish(&mut self) -> Step {
        self.publish_changes();
        let mut writes = std::mem::take(&mut self.pending.writes);
        for key in std::mem::take(&mut self.pending.rows) {
            writes.push(self.row(key).map_or(Write::Delete(key), Write::Put));
        }
        Step { writes, effects: std::mem::take(&mut self.pending.effects) }
    }

    /// A row as the state would write it now; none: it is not to be stored.
    pub(crate) fn row(&self, key: Key) -> Option<Row> {
        match key {
            Key::Counters => (self.counters != CountersRow::default()).then_some(Row::Counters(self.counters)),
            Key::History(_) => None,
            Key::MemorySuite(suite) => self.memory.suite_row(suite).map(Row::MemorySuite),
            Key::MemoryTest(suite, place) => {
                self.memory.test_row(suite, place).map(|row| Row::MemoryTest(Box::new(row)))
            }
            Key::AgentHealth(number) => self.memory.health.row(number).map(|row| Row::AgentHealth(Box::new(row))),
            Key::Run(run) => self.runs.open.get(&run).map(|found| Row::Run(Box::new(found.row.clone()))),
            Key::Job(job) => self.jobs.get(&job).map(|found| Row::Job(Box::new(found.row.clone()))),
            Key::TestNames(job, first) => self.jobs.get(&job)?.names_row(first).map(Row::TestNames),
            Key::Test(job, test) => self.jobs.get(&job)?.test_row(test).map(|row| Row::Test(Box::new(row))),
            Key::Lease(token) => self.leases.get(&token).map(|lease| Row::Lease(Box::new(lease.row.clone()))),
            Key::Batch(token) => self.batches.get(&token).map(|batch| Row::Batch(Box::new(batch.row.clone()))),
        }
    }

    /// A row has changed.
    pub(crate) fn touch(&mut self, key: Key) {
        self.pending.rows.insert(key);
    }

    /// A job's row has changed, and people see it.
    pub(crate) fn touch_job(&mut self, job: JobId) {
        self.touch(Key::Job(job));
        self.pending.jobs_changed.insert(job);
    }

    /// A run's row has changed, and people see it.
    pub(crate) fn touch_run(&mut self, run: RunId) {
        self.touch(Key::Run(run));
        self.pending.runs_changed.insert(run);
    }

    /// The next fencing token.
    pub(crate) fn next_token(&mut self) -> Token {
        self.tokens += 1;
        Token { epoch: self.epoch, counter: self.tokens }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.pending.effects.push(effect);
    }

    pub(crate) fn answer(&mut self, ask: Ask, answer: Answer) {
        self.effect(Effect::Answer { ask, answer });
    }

    pub(crate) fn refuse(&mut self, ask: Ask, refusal: Refusal) {
        self.answer(ask, Answer::Refused(refusal));
    }

    pub(crate) fn publish(&mut self, run: RunId, event: Event) {
        self.effect(Effect::Publish { run, event });
    }

    pub(crate) fn send(&mut self, session: SessionId, message: ToAgent) {
        self.effect(Effect::Send { session, message });
    }

    /// Sends a message to an agent, if it has a session.
    pub(crate) fn send_to(&mut self, agent: &AgentName, message: ToAgent) {
        if let Some(session) = self.agents.table.get(agent).and_then(|agent| agent.session) {
            self.send(session, message);
        }
    }

    pub(crate) fn job(&self, job: JobId) -> &Job {
        self.jobs.get(&job).expect("a job of an open run is in the table")
    }

    pub(crate) fn job_mut(&mut self, job: JobId) -> &mut Job {
        self.jobs.get_mut(&job).expect("a job of an open run is in the table")
    }

    /// A job's specification.
    pub(crate) fn spec(&self, job: JobId) -> &JobSpec {
        self.runs.open[&job.run].spec(job.job)
    }

    /// Jobs of a run, in its order.
    pub(crate) fn jobs_of(&self, run: RunId) -> impl Iterator<Item = (JobId, &Job)> + Clone {
        let first = JobId { run, job: JobIndex(0) };
        let last = JobId { run, job: JobIndex(u32::MAX) };
        self.jobs.range(first..=last).map(|(job, found)| (*job, found))
    }
}

/// Keys of the rows of a job's tests.
pub(crate) fn test_keys(job: JobId, found: &Job) -> Vec<Key> {
    let Some(suite) = found.suite.as_deref() else { return Vec::new() };
    let names = suite.name_rows.iter().map(|first| Key::TestNames(job, *first));
    let tests = (0..).zip(&suite.tests).filter(|(_, test)| test.is_stored());
    names.chain(tests.map(|(index, _)| Key::Test(job, TestIndex(index)))).collect()
}
