//! The leases that are held: which of them has a slot, which tests they hold, which of them have ended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_common::control::{Batch, HeldBatch, HeldLease, Lease};
use muster_common::id::{TestIndex, Token};

/// Every lease whose end is not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    slots: usize,
    table: BTreeMap<Token, Attempt>,
    shard_of: BTreeMap<Token, Token>,
    /// Leases that wait for the slot of an attempt that is being stopped, oldest first.
    waiting: VecDeque<Box<Lease>>,
    /// The last leases that have ended, so that one that is sent again late is known.
    ended: VecDeque<Token>,
}

/// One lease.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) phase: Phase,
    pub(crate) is_started: bool,
    pub(crate) is_repeatable: bool,
    pub(crate) shard: Shard,
}

/// How far an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It waits for a slot.
    Waiting,
    /// It has a slot.
    Running,
    /// It has a slot and is told to stop; its end is said.
    Stopping,
    /// It has a slot and is told to stop; the coordinator wants to hear no more of it.
    Forgotten,
    /// Its end is in the spool.
    Ended,
}

/// What a shard holds. Empty for every other kind of work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shard {
    pub(crate) want: Want,
    pub(crate) start_cost_us: u64,
    pub(crate) is_last_given: bool,
    pub(crate) batches: BTreeMap<Token, OpenBatch>,
}

/// Whether a shard waits for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Want {
    /// It does not.
    #[default]
    None,
    /// It does, and this stream does not know.
    Untold,
    /// It does, and has said so on this stream.
    Told,
}

/// Tests of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenBatch {
    /// Those without a result.
    pub(crate) running: BTreeSet<TestIndex>,
    /// Those whose result is not acknowledged.
    pub(crate) unacknowledged: BTreeSet<TestIndex>,
}

impl Attempts {
    pub(crate) fn new(slots: u32) -> Self {
        Self {
            slots: slots as usize,
            table: BTreeMap::new(),
            shard_of: BTreeMap::new(),
            waiting: VecDeque::new(),
            ended: VecDeque::new(),
        }
    }

    /// Whether this lease is held, or was held lately.
    pub(crate) fn knows(&self, token: Token) -> bool {
        self.table.contains_key(&token) || self.ended.contains(&token)
    }

    /// Whether a slot is free, or will be when the attempts that are being stopped have ended.
    pub(crate) fn has_room(&self) -> bool {
        let staying = self.table.values().filter(|attempt| attempt.phase.stays()).count();
        staying < self.slots
    }

    /// How many attempts have a slot.
    pub(crate) fn running(&self) -> usize {
        self.table.values().filter(|attempt| attempt.phase.has_slot()).count()
    }

    /// How many attempts have or wait for a slot.
    pub(crate) fn unfinished(&self) -> usize {
        self.running() + self.waiting.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Takes a new lease; it waits until [`Self::start_next`] gives it a slot.
    pub(crate) fn insert(&mut self, lease: Box<Lease>) {
        let attempt = Attempt {
            phase: Phase::Waiting,
            is_started: false,
            is_repeatable: lease.is_repeatable,
            shard: Shard::default(),
        };
        self.table.insert(lease.token, attempt);
        self.waiting.push_back(lease);
    }

    /// Takes a lease whose end is in the spool.
    pub(crate) fn insert_ended(&mut self, token: Token) {
        let attempt = Attempt { phase: Phase::Ended, is_started: true, is_repeatable: true, shard: Shard::default() };
        self.table.insert(token, attempt);
    }

    /// Gives a free slot to the lease that waits longest.
    pub(crate) fn start_next(&mut self) -> Option<Box<Lease>> {
        if self.running() >= self.slots {
            return None;
        }
        let lease = self.waiting.pop_front()?;
        self.get_mut(lease.token).expect("a waiting lease is in the table").phase = Phase::Running;
        Some(lease)
    }

    pub(crate) fn get(&self, token: Token) -> Option<&Attempt> {
        self.table.get(&token)
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut Attempt> {
        self.table.get_mut(&token)
    }

    /// The running shard that holds a batch, with its lease.
    pub(crate) fn holder_mut(&mut self, batch: Token) -> Option<(Token, &mut Attempt)> {
        let shard = *self.shard_of.get(&batch)?;
        self.table.get_mut(&shard).map(|attempt| (shard, attempt))
    }

    /// Takes a batch for a shard that is held.
    pub(crate) fn insert_batch(&mut self, batch: &Batch) {
        let Some(attempt) = self.table.get_mut(&batch.shard) else { return };
        attempt.shard.want = Want::None;
        attempt.shard.is_last_given |= batch.is_last;
        if !batch.tests.is_empty() {
            let tests: BTreeSet<TestIndex> = batch.tests.iter().map(|dealt| dealt.test).collect();
            attempt.shard.batches.insert(batch.token, OpenBatch { running: tests.clone(), unacknowledged: tests });
            self.shard_of.insert(batch.token, batch.shard);
        }
    }

    /// The coordinator knows what became of these tests of a batch.
    pub(crate) fn settle_tests(&mut self, batch: Token, tests: impl Iterator<Item = TestIndex>) {
        let Some((_, attempt)) = self.holder_mut(batch) else { return };
        let Some(open) = attempt.shard.batches.get_mut(&batch) else { return };
        for test in tests {
            open.unacknowledged.remove(&test);
            open.running.remove(&test);
        }
        if open.unacknowledged.is_empty() {
            attempt.shard.batches.remove(&batch);
            self.shard_of.remove(&batch);
        }
    }

    /// Forgets a lease.
    pub(crate) fn remove(&mut self, token: Token) {
        let Some(attempt) = self.table.remove(&token) else { return };
        for batch in attempt.shard.batches.keys() {
            self.shard_of.remove(batch);
        }
        self.waiting.retain(|lease| lease.token != token);
        if self.ended.len() == ENDED_KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(token);
    }

    /// Forgets which leases have ended: another store may give out the same tokens.
    pub(crate) fn forget_ended(&mut self) {
        self.ended.clear();
    }

    /// Every lease with its token, by token.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Token, &Attempt)> {
        self.table.iter().map(|(token, attempt)| (*token, attempt))
    }

    /// Every lease, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Token, &mut Attempt)> {
        self.table.iter_mut().map(|(token, attempt)| (*token, attempt))
    }

    /// What is claimed when a session is opened.
    pub(crate) fn held(&self) -> Vec<HeldLease> {
        self.iter()
            .filter(|(_, attempt)| attempt.phase != Phase::Forgotten)
            .map(|(token, attempt)| attempt.held(token))
            .collect()
    }
}

impl Attempt {
    fn held(&self, token: Token) -> HeldLease {
        HeldLease {
            token,
            is_started: self.is_started,
            is_finished: self.phase == Phase::Ended,
            wants_batch: self.shard.want != Want::None,
            batches: self.shard.batches.keys().map(|batch| HeldBatch { token: *batch }).collect(),
        }
    }
}

impl Phase {
    /// Whether it has a slot.
    pub(crate) const fn has_slot(self) -> bool {
        match self {
            Self::Running | Self::Stopping | Self::Forgotten => true,
            Self::Waiting | Self::Ended => false,
        }
    }

    /// Whether it has a slot, or waits for one: by this the coordinator knows which slots are free.
    pub(crate) const fn is_alive(self) -> bool {
        match self {
            Self::Waiting | Self::Running | Self::Stopping | Self::Forgotten => true,
            Self::Ended => false,
        }
    }

    /// Whether it has or waits for a slot and is not about to give it up.
    const fn stays(self) -> bool {
        match self {
            Self::Waiting | Self::Running => true,
            Self::Stopping | Self::Forgotten | Self::Ended => false,
        }
    }
}

impl Shard {
    /// Tests without a result.
    pub(crate) fn remaining(&self) -> usize {
        self.batches.values().map(|batch| batch.running.len()).sum()
    }

    /// Asks for more tests if no more than `prefetch_tests` are left and more may come.
    pub(crate) fn ask_if_low(&mut self, prefetch_tests: usize) {
        if self.want == Want::None && !self.is_last_given && self.remaining() <= prefetch_tests {
            self.want = Want::Untold;
        }
    }
}

/// How many ended leases are remembered.
const ENDED_KEPT: usize = 1_024;

#[cfg(test)]
pub(crate) mod tests {
    use muster_common::control::{DealtTest, LeaseWork};
    use muster_common::id::{Epoch, JobId, JobIndex, RunId};

    use super::*;

    fn token(counter: u64) -> Token {
        Token { epoch: Epoch(1), counter }
    }

    /// A lease of work that can be repeated.
    pub(crate) fn lease(counter: u64) -> Box<Lease> {
        Box::new(Lease {
            token: token(counter),
            job: JobId { run: RunId(1), job: JobIndex(0) },
            project: String::new(),
            job_name: String::new(),
            attempt: 1,
            shard: None,
            work: LeaseWork::Steps(Vec::new()),
            env: BTreeMap::new(),
            workspace: None,
            inputs: Vec::new(),
            artifacts: Vec::new(),
            outputs: BTreeMap::new(),
            needs: BTreeMap::new(),
            timeout_ms: 1,
            is_repeatable: true,
        })
    }

    #[test]
    fn what_waits_and_what_runs_is_unfinished_and_only_the_end_is_not_alive() {
        let mut attempts = Attempts::new(1);
        attempts.insert(lease(1));
        attempts.insert(lease(2));
        attempts.insert_ended(token(3));
        assert!(attempts.start_next().is_some());
        assert!(attempts.start_next().is_none(), "its one slot is taken");
        assert_eq!((attempts.running(), attempts.unfinished(), attempts.len()), (1, 2, 3));
        let alive: Vec<u64> =
            attempts.iter().filter(|(_, attempt)| attempt.phase.is_alive()).map(|(token, _)| token.counter).collect();
        assert_eq!(alive, [1, 2]);
    }

    #[test]
    fn a_shard_that_was_given_its_last_batch_never_asks_again() {
        let mut attempts = Attempts::new(1);
        attempts.insert(lease(1));
        let batch = |counter, is_last| Batch {
            token: token(counter),
            shard: token(1),
            tests: vec![DealtTest { test: TestIndex(0), name: String::new(), attempt: 1 }],
            is_last,
        };
        attempts.insert_batch(&batch(2, false));
        attempts.get_mut(token(1)).expect("it was inserted").shard.ask_if_low(1);
        assert_eq!(attempts.get(token(1)).map(|attempt| attempt.shard.want), Some(Want::Untold));
        attempts.insert_batch(&batch(3, true));
        attempts.insert_batch(&batch(4, false));
        attempts.get_mut(token(1)).expect("it was inserted").shard.ask_if_low(9);
        assert_eq!(attempts.get(token(1)).map(|attempt| attempt.shard.want), Some(Want::None));
    }
}
