//! Backups: everything that a coordinator keeps, as it was at one moment, in one file.
//!
//! - [`Archive`] writes the file's records, [`Contents`] reads them and checks every byte: `archive`, `reading`.
//! - `taking`: the rows, then the files of blobs and logs that lie beside them.
//! - `restoring`: a data directory made from a backup, in which no token of the old one is given out again.
//! - `verification`: what a data directory or a backup holds, and the first thing in it that is not as it must be.

mod archive;
mod error;
mod reading;
mod restoring;
mod taking;
mod verification;

pub use archive::{Archive, Head, Totals};
pub use error::{BackupError, BackupFault};
pub use reading::{Contents, Record};
pub use restoring::{Restoration, restore};
pub use taking::{Source, Taken, take, take_stopped};
pub use verification::{Verification, VerifyError, verify, verify_backup};
