//! The journals as they were found, kept while sled recovers them.
//!
//! Recovery overwrites whatever it takes for torn. Without a copy, the attempt to open a damaged journal would destroy
//! what could still be rescued from it; with one, a refused opening leaves the directory as it was.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{file, room};

/// A copy of the journals' directories. It is not synced before it is needed.
pub(super) struct Original {
    root: PathBuf,
    dirs: Vec<PathBuf>,
}

impl Original {
    /// Copies the directories; none when there is no room for that. First ends what an interrupted opening began.
    pub(super) fn keep(root: &Path, dirs: &[PathBuf]) -> io::Result<Option<Self>> {
        let mut original = Self { root: root.to_owned(), dirs: dirs.to_vec() };
        for dir in dirs {
            let copy = original.beside(COPY, dir);
            if !dir.exists() && copy.exists() {
                fs::rename(copy, dir)?;
            }
        }
        for leftover in [COPY, RESTORED, REFUSED] {
            file::remove_directory(&root.join(leftover))?;
        }
        original.dirs.retain(|dir| dir.is_dir());
        let bytes = original.dirs.iter().map(|dir| size(dir)).sum::<io::Result<u64>>()?;
        if room::require(root, bytes + ROOM_BESIDE)?.is_err() {
            return Ok(None);
        }
        match original.copy_all() {
            Ok(()) => Ok(Some(original)),
            Err(error) if room::is_used_up(&error) => {
                original.discard()?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the files back as they were found, for another attempt.
    pub(super) fn put_back(&self) -> io::Result<()> {
        fs::create_dir(self.root.join(RESTORED))?;
        for dir in &self.dirs {
            copy(&self.beside(COPY, dir), &self.beside(RESTORED, dir))?;
        }
        self.replace_by(RESTORED)
    }

    /// Puts the files back as they were found and ends the copy.
    pub(super) fn restore(self) -> io::Result<()> {
        self.replace_by(COPY)
    }

    /// The journals are open, the copy has served.
    pub(super) fn discard(self) -> io::Result<()> {
        file::remove_directory(&self.root.join(COPY))
    }

    fn copy_all(&self) -> io::Result<()> {
        fs::create_dir(self.root.join(COPY))?;
        self.dirs.iter().try_for_each(|dir| copy(dir, &self.beside(COPY, dir)))
    }

    fn replace_by(&self, other: &str) -> io::Result<()> {
        // From here on the copies are all that there is: they must not be lost with the power.
        file::sync_tree(&self.root.join(COPY))?;
        file::sync_tree(&self.root.join(other))?;
        file::sync_directory(&self.root)?;
        fs::create_dir(self.root.join(REFUSED))?;
        for dir in &self.dirs {
            fs::rename(dir, self.beside(REFUSED, dir))?;
            fs::rename(self.beside(other, dir), dir)?;
        }
        file::sync_directory(&self.root)?;
        file::remove_directory(&self.root.join(REFUSED))?;
        file::remove_directory(&self.root.join(other))
    }

    fn beside(&self, place: &str, dir: &Path) -> PathBuf {
        self.root.join(place).join(dir.file_name().unwrap_or_default())
    }
}

/// Copies a directory with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
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
        let dirs = ["one", "two"].map(|name| root.path().join(name));
        for dir in &dirs {
            fs::create_dir_all(dir.join("blobs")).expect("it can be made");
            fs::write(dir.join("db"), "found").expect("it can be written");
        }
        let original = Original::keep(root.path(), &dirs).expect("it can be copied").expect("there is room");
        for attempt in ["first", "second"] {
            dirs.iter().for_each(|dir| fs::write(dir.join("db"), attempt).expect("it can be written"));
            original.put_back().expect("it can be put back");
            assert!(dirs.iter().all(|dir| content(dir) == "found"));
        }
        dirs.iter().for_each(|dir| fs::write(dir.join("db"), "third").expect("it can be written"));
        original.restore().expect("it can be restored");
        assert!(dirs.iter().all(|dir| content(dir) == "found"));
        assert_eq!(fs::read_dir(root.path()).expect("it can be read").count(), 2);
    }

    #[test]
    fn a_journal_that_was_moved_aside_is_found_again() {
        let root = tempfile::tempdir().expect("a directory");
        let dir = root.path().join("journal");
        fs::create_dir_all(root.path().join(COPY).join("journal")).expect("it can be made");
        fs::write(root.path().join(COPY).join("journal").join("db"), "found").expect("it can be written");
        let original = Original::keep(root.path(), std::slice::from_ref(&dir));
        let original = original.expect("it can be copied").expect("there is room");
        assert_eq!(content(&dir), "found");
        original.discard().expect("it can be removed");
        assert_eq!(fs::read_dir(root.path()).expect("it can be read").count(), 1);
    }
}
