//! What every part of the world shares: time, chance, what is to come, what has been.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use muster_common::id::{JobId, RunId, TestIndex};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::event::Event;
use crate::history::{History, Observation};
use crate::plan::{JobTruth, Plan};
use crate::queue::Queue;
use crate::trace::Trace;

/// Shared by all parts of one world.
#[derive(Debug)]
pub(crate) struct Env {
    /// Real time in microseconds since the beginning.
    pub(crate) now: u64,
    pub(crate) queue: Queue<Event>,
    /// Chance of everything but the network and the faults.
    pub(crate) rng: SmallRng,
    pub(crate) trace: Trace,
    pub(crate) history: History,
    pub(crate) plan: Rc<Plan>,
    /// Which planned run each accepted run is.
    pub(crate) runs: BTreeMap<RunId, usize>,
    /// How often a process began to run a test, where that decides what it does.
    pub(crate) starts: BTreeMap<(JobId, TestIndex), u32>,
    /// How many shards of a job were started.
    pub(crate) shards: BTreeMap<JobId, u32>,
    /// Steps of schedulers and sessions.
    pub(crate) steps: u64,
}

impl Env {
    pub(crate) fn new(plan: Plan, is_traced: bool) -> Self {
        Self {
            now: 0,
            queue: Queue::new(),
            rng: chance(plan.seed, "world"),
            trace: Trace::new(is_traced),
            history: History::default(),
            plan: Rc::new(plan),
            runs: BTreeMap::new(),
            starts: BTreeMap::new(),
            shards: BTreeMap::new(),
            steps: 0,
        }
    }

    /// Something happens after a span from now on.
    pub(crate) fn after(&mut self, micros: u64, event: Event) {
        self.queue.push(self.now.saturating_add(micros), event);
    }

    pub(crate) fn note(&mut self, what: Observation) {
        self.history.note(Duration::from_micros(self.now), what);
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.rng.random_range(low..=high)
    }

    /// Heads or tails.
    pub(crate) fn rng_bool(&mut self) -> bool {
        self.rng.random_range(0..2) == 0
    }

    /// Whether something that happens so many times in a thousand happens now.
    pub(crate) fn happens(&mut self, permille: u32) -> bool {
        permille > 0 && self.rng.random_range(0..1_000) < permille
    }

    /// The truth about a job, if its run is a planned one.
    pub(crate) fn truth(plan: &Plan, runs: &BTreeMap<RunId, usize>, job: JobId) -> Option<TruthPlace> {
        let run = *runs.get(&job.run)?;
        plan.runs.get(run)?.truth.get(job.job.0 as usize)?;
        Some(TruthPlace { run, job: job.job.0 as usize })
    }
}

/// Where the truth about a job stands in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TruthPlace {
    run: usize,
    job: usize,
}

impl TruthPlace {
    pub(crate) fn of(self, plan: &Plan) -> &JobTruth {
        &plan.runs[self.run].truth[self.job]
    }
}

/// A generator of its own for one purpose of one seed.
pub(crate) fn chance(seed: u64, purpose: &str) -> SmallRng {
    let mixed = purpose.bytes().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |mixed, byte| {
        (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17)
    });
    SmallRng::seed_from_u64(mixed)
}

/// A span in microseconds.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
