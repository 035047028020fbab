//! Keeps the times of files that have not changed between two builds, so that a compiler that goes by them rebuilds only
//! what has.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Gives every file beneath `new` that has the same content as its namesake beneath `old` that file's time of
/// modification. Links are not followed. Blocks.
///
/// # Errors
/// If `new` cannot be read or changed. What cannot be read beneath `old` counts as changed.
pub(crate) fn keep_times(old: &Path, new: &Path) -> io::Result<()> {
    for entry in fs::read_dir(new)? {
        let entry = entry?;
        let (old, new) = (old.join(entry.file_name()), entry.path());
        let status = entry.metadata()?;
        let Ok(old_status) = fs::symlink_metadata(&old) else { continue };
        if status.is_dir() && old_status.is_dir() {
            keep_times(&old, &new)?;
        } else if is_same_kind(&status, &old_status) && has_same_content(&old, &new)? {
            set_time(&new, &old_status)?;
        }
    }
    Ok(())
}

fn is_same_kind(one: &Metadata, other: &Metadata) -> bool {
    one.is_file() && other.is_file() && one.len() == other.len()
}

fn has_same_content(old: &Path, new: &Path) -> io::Result<bool> {
    let Ok(mut old) = File::open(old) else { return Ok(false) };
    let mut new = File::open(new)?;
    let (mut old_part, mut new_part) = (vec![0; PART_BYTES], vec![0; PART_BYTES]);
    loop {
        let length = read_full(&mut new, &mut new_part)?;
        let Ok(old_length) = read_full(&mut old, &mut old_part) else { return Ok(false) };
        if length != old_length || new_part[..length] != old_part[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
    }
}

fn read_full(file: &mut File, part: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < part.len() {
        match file.read(&mut part[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// A read-only file takes a new time through its own descriptor, whoever may write to it.
fn set_time(path: &Path, like: &Metadata) -> io::Result<()> {
    File::open(path)?.set_modified(like.modified()?)
}

const PART_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn unchanged_files_keep_their_times_and_changed_ones_do_not() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let before = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (root, changed) in [(&old, "one"), (&new, "two")] {
            fs::create_dir_all(root.join("src"))?;
            fs::write(root.join("src/same.rs"), "same")?;
            fs::write(root.join("src/changed.rs"), changed)?;
            std::os::unix::fs::symlink("/nowhere", root.join("link"))?;
        }
        fs::write(new.join("src/new.rs"), "")?;
        for name in ["same.rs", "changed.rs"] {
            File::open(old.join("src").join(name))?.set_modified(before)?;
        }
        keep_times(&old, &new)?;
        let time = |name: &str| fs::metadata(new.join("src").join(name))?.modified();
        assert_eq!(time("same.rs")?, before);
        assert_ne!(time("changed.rs")?, before);
        assert_ne!(time("new.rs")?, before);
        Ok(())
    }
}
