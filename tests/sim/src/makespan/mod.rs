//! How close the dealing of tests comes to the best that is possible.
//!
//! The real scheduler deals a suite to idealised agents in virtual time: messages take half a round trip, a batch costs
//! a start, tests take what they take, whatever was known of them before. Beside it stand the ways in which others split
//! a suite, and the bound that no way can beat. Nothing here is random but by its seed.

mod bound;
mod conditions;
mod fleet;
mod race;
mod rivals;
mod suite;
mod worker;

pub use bound::bound_us;
pub use conditions::{Conditions, Fault, Slot, slots};
pub use fleet::{Fleet, FleetResult, fleet, fleet_static};
pub use race::{Job, Race, RaceResult, race};
pub use rivals::{Rival, makespan_us};
pub use suite::{Case, Suite};
