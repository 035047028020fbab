//! What tests over the whole of Muster share.
//!
//! - [`fleet`], [`process`], [`binaries`]: Muster's binaries as real processes.
//! - [`network`]: what lies between them, and forgets connections.
//! - [`cluster`]: the same on hosts of their own, with every fault that we can think of.
//! - [`small_disk`]: a file system that is soon full.
//! - [`suite`]: test suites made for a test, which keep a ledger of what really ran.
//! - [`crash`]: kills and power cuts of the store.
//! - [`junit`]: the verdicts of a JUnit XML file.
//! - [`rows`]: the coordinator's encoding of rows, for the simulation.

pub mod binaries;
pub mod cluster;
pub mod crash;
pub mod fleet;
pub mod junit;
pub mod network;
pub mod process;
pub mod rows;
pub mod small_disk;
pub mod suite;
