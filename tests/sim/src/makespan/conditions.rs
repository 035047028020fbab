//! Slots, and what befalls them.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// One slot; each is on an agent of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When its agent connects, from the moment at which dealing can begin.
    pub joins_us: u64,
    /// Its speed in hundredths.
    pub speed: u64,
    /// What befalls it.
    pub fault: Option<Fault>,
}

/// What befalls a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its process is killed: the connection ends.
    Killed {
        /// When.
        at_us: u64,
    },
    /// Its machine is gone: nothing is heard any more.
    Gone {
        /// When.
        at_us: u64,
    },
    /// It gives signs of life and does nothing else for a while.
    Frozen {
        /// When.
        at_us: u64,
        /// For how long.
        for_us: u64,
    },
}

/// What a race is run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// All agents are there, and all alike.
    Clean,
    /// They come within 20 s, one in fifty a minute later, and one in fifty has half the speed.
    Late,
    /// One in a hundred, and one at least, dies or freezes for 120 s in the middle of the run.
    Faulty,
}

impl Conditions {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Late => "late and slow",
            Self::Faulty => "dead and frozen",
        }
    }
}

/// Slots of a fleet; `span_us` is about how long the run will take.
#[must_use]
pub fn slots(seed: u64, count: usize, conditions: Conditions, span_us: u64) -> Vec<Slot> {
    let mut rng = SmallRng::seed_from_u64(seed ^ 0x510f);
    let mut slots = vec![Slot { joins_us: 0, speed: 100, fault: None }; count];
    match conditions {
        Conditions::Clean => {}
        Conditions::Late => {
            for slot in &mut slots {
                slot.joins_us = rng.random_range(0..20_000_000);
                if rng.random_range(0..50) == 0 {
                    slot.joins_us += 60_000_000;
                }
                if rng.random_range(0..50) == 0 {
                    slot.speed = 50;
                }
            }
        }
        Conditions::Faulty => {
            for _ in 0..count.div_ceil(100) {
                let at_us = rng.random_range(span_us * 3 / 10..=span_us * 7 / 10);
                let fault = match rng.random_range(0..4) {
                    0 => Fault::Killed { at_us },
                    1 => Fault::Gone { at_us },
                    _ => Fault::Frozen { at_us, for_us: 120_000_000 },
                };
                slots[rng.random_range(0..count)].fault = Some(fault);
            }
        }
    }
    slots
}
