//! The pure heart of the agent: one side of the control stream's protocol.
//!
//! [`Session`] decides; a shell acts. The shell feeds it one [`Input`] at a time with the time at which it happened, and
//! carries out the [`Effect`]s that come back, in their order. It wakes the session at [`Session::next_deadline`] with
//! [`Input::Deadline`]. Nothing here waits, reads a clock, draws from the operating system or touches a file.
//!
//! What the session sees to, each explained where it is done:
//! - `on/`: one file per kind of input.
//! - `link`: where the stream stands, when to open it again and when to give it up.
//! - `spool`: what is numbered, kept until it is acknowledged, and sent again.
//! - `attempts`: which leases are held, and which of them has a slot.
//! - `home`: which coordinator is obeyed.
//! - `fence`: when work that is not safe to repeat is stopped because its lease cannot be renewed.
//! - `parts`: how long lists are cut into messages that keep the limits.

mod attempts;
mod backoff;
mod config;
mod effect;
mod fence;
mod home;
mod input;
mod link;
mod on;
mod parts;
mod session;
mod spool;

pub use config::{Config, Identity};
pub use effect::{Effect, Notice, StopReason};
pub use input::{BatchDone, Input, Restored, ShardReady, Work};
pub use session::{Load, Session};
