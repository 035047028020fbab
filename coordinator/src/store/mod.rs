//! The durable rows: what survives a crash of the coordinator, and nothing else does.
//!
//! A [`Store`] keeps opaque rows under opaque keys. It knows three verbs: load everything, raise the epoch, commit a
//! batch. Any engine that can do these three durably will do; [`SledStore`] is the default, [`MemoryStore`] serves
//! simulations and tests. What the rows mean, and how they are encoded, is decided by the caller.
//!
//! A commit is atomic and durable when it returns. [`Committed`] is the proof: only this module can make one, and
//! whoever lets an effect out asks for it first. A commit that fails may still have happened; the one way to learn it
//! is to load again.

mod batch;
pub mod codec;
mod committed;
mod contract;
mod error;
mod memory;
mod rows;
mod sled;

pub use batch::{BATCH_BYTES_MAX, KEY_BYTES_MAX, Key, RowWrite, VALUE_BYTES_MAX, Value, WriteBatch};
pub use committed::Committed;
pub use contract::{Loaded, Space, Store};
pub use error::{BaseFault, CommitError, FrameFault, ManifestFault, OpenError, StoreError, TailFault};
pub use memory::{Failure, MemoryDisk, MemoryStore};
pub use sled::{Inspection, SledOptions, SledStore, inspect};
