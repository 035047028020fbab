//! Crashes and power cuts of what keeps Muster's promises on disk.
//!
//! - [`workload`]: what a writer commits, and so what must be there afterwards. [`check`]: whether it is.
//! - [`replay`]: power cuts rebuilt from a recording of every file operation, also in the middle of recoveries.
//! - [`kill`]: `kill -9` at random moments. [`powercut`]: a real ext4 on a loop device, copied while its writer stands still.
//! - [`data`], [`client`]: power cuts of all that a coordinator keeps, and the client to which it promised it.
//! - [`figures`]: what came out.

pub mod check;
pub mod client;
pub mod data;
pub mod figures;
pub mod kill;
pub mod powercut;
pub mod replay;
pub mod workload;
