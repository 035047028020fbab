//! Whether the coordinator can take what it is given.

/// Told by the driver; seen in the health and in refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It can.
    Serving,
    /// A commit has failed; the state is read again from the store.
    Restoring,
    /// Its disk is full. What is stored can be read.
    NoRoom,
}
