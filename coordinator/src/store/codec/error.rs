//! Why bytes are not a row.

use muster_scheduler::Key;

/// Stored bytes that cannot be taken for a row. The start is refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A newer coordinator wrote the row, with fields that this one would lose.
    #[error(
        "the row {key:?} needs a coordinator that writes rows of version {least} or newer, this one writes version \
         {known}; start the newer coordinator again"
    )]
    NewerWriter {
        /// The row.
        key: Key,
        /// The version that the row asks for.
        least: u32,
        /// The version of this writer.
        known: u32,
    },
    /// The row's content is of a kind that this coordinator does not know.
    #[error("the row {key:?} has content of an unknown kind; start the coordinator that wrote it")]
    UnknownKind {
        /// The row.
        key: Key,
    },
    /// The key begins as one of a known kind and does not go on so.
    #[error("the key {key:02x?} of a stored row is damaged: it must have {expected} bytes")]
    Key {
        /// The key's bytes.
        key: Vec<u8>,
        /// How many it must have.
        expected: usize,
    },
    /// The row is not a message of its kind.
    #[error("the row {key:?} is damaged: {detail}; keep a copy of the data directory and restore a backup")]
    Damaged {
        /// The row.
        key: Key,
        /// What is wrong with it.
        detail: String,
    },
    /// The mark of a restored store cannot be read.
    #[error("the mark of the backup from which the store was made is damaged: {detail}; restore that backup again")]
    Mark {
        /// What is wrong with it.
        detail: String,
    },
    /// The row says of itself that it is another one.
    #[error("the row {key:?} calls itself {own:?}; keep a copy of the data directory and restore a backup")]
    Misplaced {
        /// Where it was found.
        key: Key,
        /// What it says of itself.
        own: Key,
    },
}
