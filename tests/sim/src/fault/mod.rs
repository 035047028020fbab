//! What goes wrong in the world beyond what the plan says, one kind a file; drawn from the seed.
//!
//! Every seed has some of the kinds and not others, each with its own amount: a bit of everything all the time would hide
//! what only much of one thing shows.

mod agent_frozen;
mod agent_killed;
mod coordinator_crash;
mod coordinator_frozen;
mod partition;
mod slow_commits;
mod slow_network;
mod store;
mod stream_cut;
mod swizzle;
mod take_over;
mod wall_clock;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::coordinator::CrashPoint;
use crate::disk::DiskFault;
use crate::env::{chance, micros};
use crate::plan::Plan;
use crate::trace::trace;
use crate::world::World;

/// Something that goes wrong, or right again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// An agent's process is killed, and starts again after a while.
    KillAgent { agent: usize, is_machine_lost: bool, loses_spool: bool, down: u64 },
    /// An agent's process stands still.
    FreezeAgent(usize),
    /// It goes on.
    ThawAgent(usize),
    /// A line is blocked, in one direction or both, or free again.
    Block { agent: usize, up: bool, down: bool },
    /// A stream breaks; each side may be told, or not.
    CutStream { agent: usize, is_agent_told: bool, is_coordinator_told: bool },
    /// A line takes longer than usual.
    Slow { agent: usize, extra: u64 },
    /// The coordinator is killed the next time that it comes to this point.
    Crash(CrashPoint),
    /// It is killed at once.
    KillCoordinator,
    /// It stands still.
    FreezeCoordinator,
    /// All of its processes go on that stand still.
    ThawCoordinators,
    /// Another coordinator begins on the same store; the present one stands still, or does not know.
    TakeOver { is_old_frozen: bool },
    /// The store breaks, or is mended.
    Store(DiskFault),
    /// Commits take so long.
    Commits(u64, u64),
    /// A wall clock is set: an agent's, or that of the coordinator's machine.
    SetWall { agent: Option<usize>, by_ms: i64 },
}

/// How things usually are.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    usual_commits: Option<(u64, u64)>,
}

/// What a kind of fault is drawn from.
pub(crate) struct Draw<'a> {
    pub(crate) rng: &'a mut SmallRng,
    pub(crate) agents: usize,
    /// Faults come before this.
    pub(crate) until: u64,
    pub(crate) acts: &'a mut Vec<(u64, Act)>,
}

impl Draw<'_> {
    /// A moment at which something goes wrong.
    pub(crate) fn moment(&mut self) -> u64 {
        self.rng.random_range(0..=self.until)
    }

    /// A span from a hundredth of a second up to `most`, short ones as likely as long ones.
    pub(crate) fn span(&mut self, most: u64) -> u64 {
        let doublings = (most / 10_000).max(1).ilog2();
        let base = 10_000_u64 << self.rng.random_range(0..=doublings);
        self.rng.random_range(base..=base * 2).min(most)
    }

    pub(crate) fn agent(&mut self) -> usize {
        self.rng.random_range(0..self.agents.max(1))
    }

    pub(crate) fn percent(&mut self, share: u32) -> bool {
        self.rng.random_range(0..100) < share
    }

    pub(crate) fn below(&mut self, count: u32) -> u32 {
        self.rng.random_range(0..count)
    }

    pub(crate) fn act(&mut self, at: u64, act: Act) {
        self.acts.push((at, act));
    }

    /// Something goes wrong for a span.
    pub(crate) fn act_for(&mut self, at: u64, span: u64, act: Act, undone: Act) {
        self.act(at, act);
        self.act(at + span, undone);
    }
}

/// Everything that goes wrong in a seed.
pub(crate) fn draw(plan: &Plan) -> Vec<(u64, Act)> {
    let kinds: [fn(&mut Draw<'_>); 12] = [
        agent_killed::draw,
        agent_frozen::draw,
        partition::draw,
        stream_cut::draw,
        slow_network::draw,
        coordinator_crash::draw,
        coordinator_frozen::draw,
        take_over::draw,
        store::draw,
        slow_commits::draw,
        wall_clock::draw,
        swizzle::draw,
    ];
    let mut rng = chance(plan.seed, "faults");
    let mut acts = Vec::new();
    let share = [0, 15, 35, 70][rng.random_range(0..4)];
    for kind in kinds {
        let mut draw = Draw { rng: &mut rng, agents: plan.agents.len(), until: micros(plan.horizon), acts: &mut acts };
        if !draw.percent(share) || draw.agents == 0 {
            continue;
        }
        let times = 1 << draw.below(4);
        for _ in 0..times {
            kind(&mut draw);
        }
    }
    acts.retain(|(at, _)| *at < micros(plan.horizon));
    acts
}

impl World {
    pub(crate) fn on_fault(&mut self, act: Act) {
        trace!(self.env, "fault: {act:?}");
        match act {
            Act::KillAgent { agent, is_machine_lost, loses_spool, down } => {
                self.kill_and_restart(agent, is_machine_lost, loses_spool, down);
            }
            Act::FreezeAgent(agent) => self.freeze_agent(agent),
            Act::ThawAgent(agent) => self.thaw_agent(agent),
            Act::Block { agent, up, down } => self.net.set_blocked(&mut self.env, agent, up, down),
            Act::CutStream { agent, is_agent_told, is_coordinator_told } => {
                self.cut_streams(agent, is_agent_told, is_coordinator_told);
            }
            Act::Slow { agent, extra } => self.net.lines[agent].extra = extra,
            Act::Crash(point) => {
                if let Some(coordinator) = self.active_coordinator() {
                    self.coordinators[coordinator].crash = Some(point);
                }
            }
            Act::KillCoordinator => {
                if let Some(coordinator) = self.active_coordinator() {
                    self.kill_coordinator(coordinator);
                }
            }
            Act::FreezeCoordinator => {
                if let Some(coordinator) = self.active_coordinator() {
                    self.freeze_coordinator(coordinator);
                }
            }
            Act::ThawCoordinators => self.thaw_coordinators(),
            Act::TakeOver { is_old_frozen } => self.take_over(is_old_frozen),
            Act::Store(fault) => self.disk.set_fault(fault),
            Act::Commits(low, high) => {
                self.faults.usual_commits.get_or_insert(self.commit_micros);
                self.commit_micros = if high == 0 { self.usual_commits() } else { (low, high) };
            }
            Act::SetWall { agent, by_ms } => self.set_wall(agent, by_ms),
        }
    }

    fn usual_commits(&self) -> (u64, u64) {
        self.faults.usual_commits.unwrap_or(self.commit_micros)
    }

    /// Everything that went wrong is made well.
    pub(crate) fn heal(&mut self) {
        self.disk.set_fault(DiskFault::None);
        self.commit_micros = self.usual_commits();
        for coordinator in &mut self.coordinators {
            coordinator.crash = None;
        }
        self.thaw_coordinators();
        for agent in 0..self.agents.len() {
            self.net.lines[agent].extra = 0;
            self.net.set_blocked(&mut self.env, agent, false, false);
            self.thaw_agent(agent);
            self.on_agent_boot(agent);
        }
        if self.active_coordinator().is_none() {
            self.plan_boot(1_000);
        }
    }
}
