//! Why a backup could not be taken, read or restored.

use std::io;
use std::path::PathBuf;

use crate::store::OpenError;
use crate::store::codec::CodecError;

/// A backup could not be taken, read or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
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
    /// The backup cannot be written on to where it goes.
    #[error("cannot write the backup")]
    Output(#[source] io::Error),
    /// The backup cannot be read.
    #[error("the backup is damaged at byte {offset}: {fault}; use another one")]
    Damaged {
        /// Where the record begins that cannot be read.
        offset: u64,
        /// What is wrong with it.
        fault: BackupFault,
    },
    /// The store could not be read or made.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The rows cannot be understood.
    #[error(transparent)]
    Row(#[from] CodecError),
    /// There is something where the data directory is to be made.
    #[error("{} is there and is not empty; name a directory that does not exist", .0.display())]
    NotEmpty(PathBuf),
}

/// What is wrong with a backup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupFault {
    /// It begins like another file.
    #[error("it is no backup of Muster, or one of a newer version")]
    Title,
    /// It ends too early.
    #[error("it ends in the middle")]
    Cut,
    /// It goes on behind its end.
    #[error("it goes on behind its end")]
    Trailing,
    /// A record's checksum does not fit.
    #[error("the record's checksum does not fit")]
    Checksum,
    /// A record is none that can be read, or stands where it must not.
    #[error("the record is not one that belongs there: {0}")]
    Unexpected(&'static str),
    /// The sums at the end do not fit.
    #[error("its sums do not fit what it holds")]
    Sums,
    /// A blob is not what its name says.
    #[error("the content of {0} is not what its name says")]
    Blob(String),
}
