//! A file that only takes up room: what a full disk still gives when the store must be opened.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;

use super::file;

/// The ballast of a store's directory.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    /// The ballast of this directory; none is made yet.
    pub(super) fn of(dir: &Path, bytes: u64) -> Self {
        Self { path: dir.join(NAME), bytes }
    }

    /// Bytes that it would still have to take.
    pub(super) fn missing_bytes(&self) -> u64 {
        let there = fs::metadata(&self.path).map_or(0, |found| found.len());
        if there == self.bytes { 0 } else { self.bytes }
    }

    /// Takes up the room, if it does not yet.
    pub(super) fn make(&self) -> io::Result<()> {
        if self.missing_bytes() == 0 {
            return Ok(());
        }
        let made = File::create(&self.path).and_then(|file| {
            let bytes = i64::try_from(self.bytes).map_err(io::Error::other)?;
            posix_fallocate(&file, 0, bytes).map_err(io::Error::from)
        });
        if made.is_err() {
            // A smaller one would be taken for none, and only be in the way.
            let _ = file::remove(&self.path);
        }
        made
    }

    /// Gives the room back; false if there was none.
    pub(super) fn release(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }
}

const NAME: &str = "BALLAST";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_up_room_until_it_is_released() {
        let dir = tempfile::tempdir().expect("a directory");
        let ballast = Ballast::of(dir.path(), 1 << 20);
        assert_eq!(ballast.missing_bytes(), 1 << 20);
        ballast.make().expect("there is room");
        assert_eq!(ballast.missing_bytes(), 0);
        let blocks = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(dir.path().join(NAME)).expect("it is there"));
        assert!(blocks * 512 >= 1 << 20, "{blocks} blocks");
        assert!(ballast.release());
        assert!(!ballast.release());
    }
}
