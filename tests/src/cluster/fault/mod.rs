//! What is done to a cluster, one fault a file. Each makes a cluster, lets work run on it, does its worst, heals, and
//! judges.

mod agent_freeze;
mod agent_kill;
mod catalogue;
mod clock_step;
mod coordinator_kill;
mod coordinator_pause;
mod flapping;
mod frame_cut;
mod full_disk;
mod latency;
mod partition;
mod slow_link;
mod swizzle;
mod unheard_end;

pub use catalogue::{ALL, Fault, Setting};
