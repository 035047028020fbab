//! Room on the disk: a store stops writing while there is still enough to open it.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// There is not enough room.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRoom {
    pub(super) needed: u64,
    pub(super) available: u64,
}

/// Asks the file system for so many free bytes. A file system that does not know its size is taken at its word when it
/// refuses a write.
pub(super) fn require(dir: &Path, needed: u64) -> io::Result<Result<(), NoRoom>> {
    let found = statvfs(dir)?;
    let available = found.blocks_available().saturating_mul(found.fragment_size());
    let is_unknown = found.blocks() == 0;
    Ok(if is_unknown || available >= needed { Ok(()) } else { Err(NoRoom { needed, available }) })
}

/// A write failed because there is no room for it, be it on the disk, in a quota or under a limit on the file's size.
pub(super) fn is_used_up(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}
