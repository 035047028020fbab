//! What every engine promises.

use muster_common::id::Epoch;

use super::{CommitError, Committed, Key, OpenError, StoreError, Value, WriteBatch};

/// Rows that survive. All calls block; they are made from one thread that does nothing else.
///
/// The order of calls in a coordinator's life: [`load`](Self::load), [`raise_epoch`](Self::raise_epoch), then commits
/// under that epoch. After any error other than a refusal ([`CommitError::StaleEpoch`], [`CommitError::TooLarge`]) the
/// outcome is to be taken as unknown, and later calls may fail until `load` has read again what is durable.
pub trait Store: Send {
    /// Whether there is room to begin a coordinator life. Asked before [`load`](Self::load); cheap, and changes nothing.
    fn room(&self) -> Result<(), OpenError> {
        Ok(())
    }

    /// Opens the store, creating it when there is none, and reads all of it. May be called again at any time, above
    /// all after a failed commit: the answer is what is durable then.
    fn load(&mut self) -> Result<Loaded, OpenError>;

    /// Begins a coordinator life: the epoch that it returns is durable, and higher than every epoch before. From then
    /// on a commit with an older one is refused.
    fn raise_epoch(&mut self) -> Result<Epoch, StoreError>;

    /// Writes the whole batch or nothing of it. It is durable when this returns.
    fn commit(&mut self, epoch: Epoch, batch: WriteBatch) -> Result<Committed, CommitError>;

    /// The live rows whose keys begin with the prefix, in the order of their keys.
    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Key, Value)>, StoreError>;

    /// How much the store holds. Cheap.
    fn space(&self) -> Result<Space, StoreError>;
}

/// What a store held when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The store's identity, drawn at random when it was created.
    pub store_id: u128,
    /// The highest epoch that was ever raised, 0 in a new store.
    pub epoch: Epoch,
    /// All live rows, in the order of their keys.
    pub rows: Vec<(Key, Value)>,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Rows that are there.
    pub live_rows: u64,
    /// Bytes of their keys and values.
    pub live_bytes: u64,
    /// Bytes that were written since the engine last began anew: live rows and what they replaced.
    pub written_bytes: u64,
    /// How many times the engine has begun anew, leaving behind what was replaced.
    pub generation: u64,
}
