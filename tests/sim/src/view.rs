//! What checks see of the world, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::id::{Epoch, RunId};
use muster_common::time::Now;
use muster_scheduler::{Input, Scheduler};
use muster_session::Effect;

use crate::agent::Agent;
use crate::disk::{Change, Disk, Rows};
use crate::history::History;
use crate::plan::Plan;

/// The world, between two things that happen.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Real time since the beginning.
    pub at: Duration,
    /// What the seed plans.
    pub plan: &'a Plan,
    /// The coordinator that obeys the newest epoch; none while it is away.
    pub live: Option<Live<'a>>,
    /// The store.
    pub disk: &'a Disk,
    /// The agents, in the order of the plan.
    pub agents: &'a [Agent],
    /// What was observed so far.
    pub history: &'a History,
    /// Which planned run each accepted run is.
    pub runs: &'a BTreeMap<RunId, usize>,
    /// Steps of schedulers and sessions so far.
    pub steps: u64,
    /// Whether faults are over for good.
    pub is_healed: bool,
}

/// A life of the coordinator.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// Number of its process.
    pub coordinator: usize,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its own clocks.
    pub now: Now,
    /// What it decides with.
    pub scheduler: &'a Scheduler,
    /// What the store will hold when everything that was stepped is committed.
    pub written: &'a Rows,
}

/// What has just happened.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// A coordinator is about to take this input.
    Stepping {
        /// Its number.
        coordinator: usize,
        /// The input.
        input: &'a Input,
    },
    /// It has taken it.
    Stepped {
        /// Its number.
        coordinator: usize,
        /// What is to be stored.
        changes: &'a [Change],
        /// What is then to be done.
        effects: &'a [muster_scheduler::Effect],
    },
    /// These changes are durable now.
    Committed {
        /// Who wrote them.
        coordinator: usize,
        /// The changes, in order.
        changes: &'a [Change],
    },
    /// This effect leaves a coordinator.
    Released {
        /// Its number.
        coordinator: usize,
        /// The effect.
        effect: &'a muster_scheduler::Effect,
    },
    /// A coordinator's life has ended: it was killed, or a commit failed.
    LifeEnded {
        /// Its number.
        coordinator: usize,
    },
    /// A new life has begun from what the store holds; it is the live one.
    Restored {
        /// Its number.
        coordinator: usize,
    },
    /// An agent's session has taken an input.
    Session {
        /// The agent.
        agent: usize,
        /// What it asks for.
        effects: &'a [Effect],
    },
    /// Everything has ended, or the bound is over.
    End,
}

/// A promise that is watched over the whole of a simulation.
pub trait Check {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Looks at what has just happened.
    ///
    /// # Errors
    /// If the promise does not hold: what was seen.
    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String>;
}
