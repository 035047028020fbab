//! A generation as it was found, kept while sled recovers it.
//!
//! Recovery overwrites whatever it takes for torn. Without a copy, the attempt to open a damaged journal would destroy
//! what could still be rescued from it; with one, a refused opening leaves the directory as it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{file, room};

/// A copy of a generation's directory, beside it. Not synced: it serves the process that made it.
pub(super) struct Original {
    dir: PathBuf,
    copy: PathBuf,
}

impl Original {
    /// Copies the directory; none when there is no room for that. First ends what an interrupted opening began.
    pub(super) fn keep(root: &Path, dir: &Path) -> io::Result<Option<Self>> {
        let original = Self { dir: dir.to_owned(), copy: root.join(COPY) };
        if !dir.exists() && original.copy.exists() {
            fs::rename(&original.copy, dir)?;
        }
        for leftover in [COPY, RESTORED, REFUSED] {
            file::remove_directory(&root.join(leftover))?;
        }
        if !dir.exists() || room::require(root, size(dir)? + ROOM_BESIDE)?.is_err() {
            return Ok(None);
        }
        match copy(dir, &original.copy) {
            Ok(()) => Ok(Some(original)),
            Err(error) if room::is_used_up(&error) => {
                file::remove_directory(&original.copy)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the files back as they were found, for another attempt.
    pub(super) fn put_back(&self) -> io::Result<()> {
        let restored = self.copy.with_file_name(RESTORED);
        copy(&self.copy, &restored)?;
        self.replace_by(&restored)
    }

    /// Puts the files back as they were found and ends the copy.
    pub(super) fn restore(self) -> io::Result<()> {
        self.replace_by(&self.copy)
    }

    /// The generation is open, the copy has served.
    pub(super) fn discard(self) -> io::Result<()> {
        file::remove_directory(&self.copy)
    }

    fn replace_by(&self, other: &Path) -> io::Result<()> {
        let refused = self.copy.with_file_name(REFUSED);
        fs::rename(&self.dir, &refused)?;
        fs::rename(other, &self.dir)?;
        file::remove_directory(&refused)
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

const COPY: &str = "opening.found";
const RESTORED: &str = "opening.restored";
const REFUSED: &str = "opening.refused";
/// What recovery itself may need, with the copy in place.
const ROOM_BESIDE: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn content(dir: &Path) -> String {
        fs::read_to_string(dir.join("db")).expect("it is there")
    }

    #[test]
    fn what_was_found_comes_back_and_nothing_is_left_over() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = root.path().join("generation");
        fs::create_dir_all(dir.join("blobs")).expect("it can be made");
        fs::write(dir.join("db"), "found").expect("it can be written");
        let original = Original::keep(root.path(), &dir).expect("it can be copied").expect("there is room");
        for attempt in ["first", "second"] {
            fs::write(dir.join("db"), attempt).expect("it can be written");
            original.put_back().expect("it can be put back");
            assert_eq!(content(&dir), "found");
        }
        fs::write(dir.join("db"), "third").expect("it can be written");
        original.restore().expect("it can be restored");
        assert_eq!(content(&dir), "found");
        assert_eq!(fs::read_dir(root.path()).expect("it can be read").count(), 1);
    }

    #[test]
    fn a_generation_that_was_moved_aside_is_found_again() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = root.path().join("generation");
        fs::create_dir(root.path().join(COPY)).expect("it can be made");
        fs::write(root.path().join(COPY).join("db"), "found").expect("it can be written");
        let original = Original::keep(root.path(), &dir).expect("it can be copied").expect("there is room");
        assert_eq!(content(&dir), "found");
        original.discard().expect("it can be removed");
        assert_eq!(fs::read_dir(root.path()).expect("it can be read").count(), 1);
    }
}
