//! Why a store refused.

use std::io;
use std::path::PathBuf;

use muster_common::id::Epoch;

/// A store could not be opened. Nothing was served from it and nothing in it was skipped.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another coordinator has the directory.
    #[error("the store in {} is in use by {}; stop that coordinator or choose another data directory", dir.display(), holder(*pid))]
    Locked {
        /// The store's directory.
        dir: PathBuf,
        /// The process that holds it, as it wrote itself down.
        pid: Option<u32>,
    },
    /// There is too little room to open safely.
    #[error("too little room to open the store in {}: {available} bytes are free, {needed} are needed; free some and start again", dir.display())]
    NoSpace {
        /// The store's directory.
        dir: PathBuf,
        /// Bytes that opening may need.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The storage engine refused, or broke down over what it found.
    #[error("the storage engine cannot open {}: {detail}; keep a copy of the directory and restore a backup", dir.display())]
    Engine {
        /// The generation's directory.
        dir: PathBuf,
        /// What the engine said.
        detail: String,
    },
    /// The manifest cannot be trusted.
    #[error("the manifest {} {fault}; keep a copy of the directory and restore a backup", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: ManifestFault,
    },
    /// The mark of the newest acknowledged commit cannot be trusted.
    #[error("the tail mark {} {fault}; without it a lost tail cannot be told from a short journal: keep a copy of the directory and restore a backup", path.display())]
    TailMark {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: TailFault,
    },
    /// The live rows with which the journal begins cannot be read.
    #[error("the rows in {} are damaged at byte {offset}: {fault}; keep a copy of the directory and restore a backup", path.display())]
    Base {
        /// The file.
        path: PathBuf,
        /// Where the first damaged block of rows begins.
        offset: u64,
        /// What is wrong with it.
        fault: BaseFault,
    },
    /// A frame of the journal cannot be read.
    #[error("frame {seq} of the journal {} {fault}; keep a copy of the directory and restore a backup", dir.display())]
    Frame {
        /// The generation's directory.
        dir: PathBuf,
        /// The frame's number.
        seq: u64,
        /// What is wrong with it.
        fault: FrameFault,
    },
    /// Frames are missing from the middle of the journal.
    #[error("the journal {} has a gap: frame {expected} is missing, the next one is {found}; keep a copy of the directory and restore a backup", dir.display())]
    Gap {
        /// The generation's directory.
        dir: PathBuf,
        /// The first missing frame.
        expected: u64,
        /// The frame that was found in its place.
        found: u64,
    },
    /// Acknowledged frames are missing from the end of the journal.
    #[error("the journal {} ends at frame {ends_at}, but frame {acknowledged} was acknowledged; keep a copy of the directory and restore a backup", dir.display())]
    MissingTail {
        /// The generation's directory.
        dir: PathBuf,
        /// The last whole frame.
        ends_at: u64,
        /// The newest frame that is known to have been acknowledged.
        acknowledged: u64,
    },
}

impl OpenError {
    /// Whether it may go away when somebody makes room on the disk.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::Io { source, .. } => {
                use io::ErrorKind::{QuotaExceeded, StorageFull};
                matches!(source.kind(), StorageFull | QuotaExceeded)
            }
            Self::Locked { .. }
            | Self::Engine { .. }
            | Self::Manifest { .. }
            | Self::TailMark { .. }
            | Self::Base { .. }
            | Self::Frame { .. }
            | Self::Gap { .. }
            | Self::MissingTail { .. } => false,
        }
    }
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// It is not there, but a journal is.
    #[error("is missing, although the directory holds a journal")]
    Missing,
    /// It was written by a newer coordinator, or damaged.
    #[error("has version {found:?}, this coordinator reads version {known}")]
    UnknownVersion {
        /// What the file says.
        found: String,
        /// What can be read.
        known: u32,
    },
    /// Its checksum does not fit.
    #[error("is damaged: its checksum does not fit")]
    Checksum,
    /// A line is not what it must be.
    #[error("is damaged: line {line} is not {expected}")]
    Line {
        /// The line's number, from 1.
        line: usize,
        /// What it must be.
        expected: &'static str,
    },
}

/// What is wrong with a tail mark.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TailFault {
    /// It is not there, but a journal is.
    #[error("is missing, although the directory holds a journal")]
    Missing,
    /// It was written by a newer coordinator.
    #[error("has version {found}, this coordinator reads version {known}")]
    UnknownVersion {
        /// What the file says.
        found: u8,
        /// What can be read.
        known: u8,
    },
    /// Neither of its two copies fits its checksum.
    #[error("is damaged: neither of its two copies fits its checksum")]
    Damaged,
}

/// What is wrong with the file of rows with which a journal begins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseFault {
    /// It is not there.
    #[error("the file is missing")]
    Missing,
    /// It ends in the middle of a block.
    #[error("the file ends in the middle of a block; it has {found} bytes, {expected} were expected")]
    Cut {
        /// Bytes that it has.
        found: u64,
        /// Bytes that it must have.
        expected: u64,
    },
    /// A block cannot be read.
    #[error("the block {0}")]
    Block(#[from] FrameFault),
    /// A block is not the one that was written there.
    #[error("the block is not the one that belongs there")]
    Foreign,
    /// The rows in a block cannot be read.
    #[error("the rows in the block cannot be read: {0}")]
    Rows(&'static str),
    /// It ends with another block than it must.
    #[error("the file does not end as it must; it has {found} bytes, {expected} were expected")]
    WrongEnd {
        /// Bytes that it has.
        found: u64,
        /// Bytes that it must have.
        expected: u64,
    },
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// It was written by a newer coordinator, or damaged.
    #[error("has version {found}, this coordinator reads version {known}")]
    UnknownVersion {
        /// What the frame says.
        found: u8,
        /// What can be read.
        known: u8,
    },
    /// Its length is not what it says.
    #[error("is damaged: it has {found} bytes, {expected} were expected")]
    Length {
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// Its checksum does not fit.
    #[error("is damaged: its checksum does not fit")]
    Checksum,
    /// Its kind is none that can be read.
    #[error("is of unknown kind {0}")]
    UnknownKind(u8),
    /// It names another place than its own.
    #[error("is in the wrong place: it calls itself frame {0}")]
    Misplaced(u64),
    /// It does not follow the frame before it, or is not the one that was acknowledged.
    #[error("breaks the chain: {0}")]
    BrokenChain(&'static str),
    /// Its epoch does not follow.
    #[error("has epoch {found} in a journal at epoch {current}")]
    WrongEpoch {
        /// The frame's epoch.
        found: Epoch,
        /// The journal's epoch at that place.
        current: Epoch,
    },
    /// The rows inside cannot be read.
    #[error("ends a commit whose rows cannot be read: {0}")]
    Rows(&'static str),
}

/// The store could not do what was asked; what is durable is learned by loading again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It has not been loaded.
    #[error("the store is not loaded")]
    NotLoaded,
    /// An earlier call failed with an unknown outcome.
    #[error("the store takes no more writes because of an earlier failure ({earlier}); load it again")]
    Poisoned {
        /// What failed first.
        earlier: String,
    },
    /// There is no room to write.
    #[error("no room for the store in {}: {detail}", dir.display())]
    NoSpace {
        /// The store's directory.
        dir: PathBuf,
        /// How much is missing, or what the system said.
        detail: String,
    },
    /// A write or a sync failed; the outcome is unknown.
    #[error("cannot {action} the store in {}: {detail}", dir.display())]
    Failed {
        /// What was tried.
        action: &'static str,
        /// The store's directory.
        dir: PathBuf,
        /// What the engine or the system said.
        detail: String,
    },
    /// The highest epoch has been raised.
    #[error("the store has used up its epochs")]
    EpochsUsedUp,
}

/// A batch was not, or may not have been, committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another coordinator life has begun, or none has. Nothing was written.
    #[error("the commit is of epoch {given}, the store is at epoch {current}; this coordinator must stop writing")]
    StaleEpoch {
        /// The epoch of the commit.
        given: Epoch,
        /// The store's epoch.
        current: Epoch,
    },
    /// The batch is over a limit. Nothing was written.
    #[error("{what} of {bytes} bytes is over the limit of {bytes_max}")]
    TooLarge {
        /// The part that is over its limit.
        what: &'static str,
        /// Bytes that it has.
        bytes: usize,
        /// Bytes that it may have.
        bytes_max: usize,
    },
    /// There is no room to write.
    #[error("no room for the store in {}: {detail}", dir.display())]
    NoSpace {
        /// The store's directory.
        dir: PathBuf,
        /// How much is missing, or what the system said.
        detail: String,
    },
    /// The store cannot write; the outcome is unknown.
    #[error(transparent)]
    Store(StoreError),
}

impl StoreError {
    /// Whether it may go away when somebody makes room on the disk.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::NotLoaded | Self::Poisoned { .. } | Self::Failed { .. } | Self::EpochsUsedUp => false,
        }
    }
}

impl CommitError {
    /// Whether it may go away when somebody makes room on the disk.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::StaleEpoch { .. } | Self::TooLarge { .. } | Self::Store(_) => false,
        }
    }
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSpace { dir, detail } => Self::NoSpace { dir, detail },
            error @ (StoreError::NotLoaded
            | StoreError::Poisoned { .. }
            | StoreError::Failed { .. }
            | StoreError::EpochsUsedUp) => Self::Store(error),
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
