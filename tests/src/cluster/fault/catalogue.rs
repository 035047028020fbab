//! The list of faults, by the names under which they are asked for.

use super::{
    agent_freeze, agent_kill, clock_step, coordinator_kill, coordinator_pause, flapping, frame_cut, full_disk, latency,
    partition, slow_link, swizzle, unheard_end,
};
use crate::cluster::round::Round;
use crate::cluster::switch::Way;

/// A fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is done.
    pub what: &'static str,
    /// Does it once.
    pub run: fn(Setting) -> Round,
}

/// How a fault is done.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// For as long as it may last in life, rather than for as long as it must to show.
    pub is_long: bool,
}

/// All faults.
pub const ALL: &[Fault] = &[
    Fault { name: "agent-kill", what: "kill -9 of an agent", run: agent_kill::run },
    Fault { name: "agent-freeze", what: "an agent stopped for longer than its leases", run: agent_freeze::run },
    Fault { name: "partition-out", what: "nobody hears an agent", run: |setting| partition::run(setting, &[Way::Out]) },
    Fault { name: "partition-in", what: "an agent hears nobody", run: |setting| partition::run(setting, &[Way::In]) },
    Fault {
        name: "partition-both",
        what: "an agent is cut off",
        run: |setting| partition::run(setting, &[Way::In, Way::Out]),
    },
    Fault { name: "flapping", what: "an agent is cut off for moments", run: flapping::run },
    Fault { name: "latency", what: "200 ms each way and 5 % loss", run: latency::run },
    Fault { name: "slow-link", what: "64 kbit/s and a flood of logs", run: slow_link::run },
    Fault {
        name: "frame-cut",
        what: "connections cut in the middle of a frame, stalled, half closed",
        run: frame_cut::run,
    },
    Fault { name: "coordinator-kill", what: "the coordinator killed 20 times in one run", run: coordinator_kill::run },
    Fault {
        name: "coordinator-pause",
        what: "the coordinator stopped for longer than all leases, another one beside it",
        run: coordinator_pause::run,
    },
    Fault {
        name: "unheard-end",
        what: "an agent killed between the end of its work and anybody's hearing of it",
        run: unheard_end::spool_kept,
    },
    Fault { name: "spool-gone", what: "the same, and its disk is gone", run: unheard_end::spool_gone },
    Fault { name: "clock-step", what: "the time of day steps by an hour, forth and back", run: clock_step::run },
    Fault { name: "full-disk", what: "no room on an agent's disk", run: full_disk::run },
    Fault { name: "swizzle", what: "agents and links stopped one by one, healed in any order", run: swizzle::run },
];
