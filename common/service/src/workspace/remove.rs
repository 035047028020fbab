//! [`remove_tree`]: takes a directory away, whatever a job has done to it.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Removes the directory at `path` with all that is in it. No symbolic link in it is followed. Folders that their owner
/// made unreadable are made readable first; folders deeper than descriptors or the stack would reach are moved up. If
/// something is still writing into it, it is tried a few times. That there is nothing at `path` is no error. Blocks.
///
/// # Errors
/// If something in it cannot be removed: it belongs to somebody else, or new files keep appearing.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_remove(path) {
            Err(error) if is_still_written(&error) && tries < TRIES_MAX => {}
            outcome => return outcome,
        }
    }
}

fn try_remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(status) if status.is_dir() => {}
        Ok(_) => return fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let name = CString::new(path.as_os_str().as_bytes())?;
    let top = open_directory(AT_FDCWD, &name)?;
    let mut removal = Removal { top: &top, moved: 0 };
    loop {
        let before = removal.moved;
        removal.empty(&top, 0)?;
        // What was moved up is emptied in its turn, and may move up more.
        if removal.moved == before {
            return fs::remove_dir(path);
        }
    }
}

struct Removal<'a> {
    top: &'a OwnedFd,
    moved: u64,
}

impl Removal<'_> {
    fn empty(&mut self, directory: &OwnedFd, depth: usize) -> io::Result<()> {
        for (name, kind) in names(directory)? {
            if kind == Some(Type::Directory) {
                self.remove_directory(directory, &name, depth)?;
                continue;
            }
            match unlinkat(directory, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                // The file system did not say that it is a directory.
                Err(Errno::EISDIR | Errno::EPERM) if kind.is_none() => {
                    self.remove_directory(directory, &name, depth)?;
                }
                Err(error) => return Err(named(error, &name)),
            }
        }
        Ok(())
    }

    fn remove_directory(&mut self, parent: &OwnedFd, name: &CString, depth: usize) -> io::Result<()> {
        let child = match open_directory(parent, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", shown(name))))?,
        };
        if depth == DEPTH_MAX {
            return self.move_up(parent, name);
        }
        self.empty(&child, depth + 1)?;
        match unlinkat(parent, name.as_c_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(named(error, name)),
        }
    }

    fn move_up(&mut self, parent: &OwnedFd, name: &CString) -> io::Result<()> {
        for _ in 0..NAMES_TRIED_MAX {
            self.moved += 1;
            let up = CString::new(format!(".muster-removed-{}", self.moved))?;
            match renameat(parent, name.as_c_str(), self.top, up.as_c_str()) {
                Ok(()) | Err(Errno::ENOENT) => return Ok(()),
                // Something has that name already.
                Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => {}
                Err(error) => return Err(named(error, name)),
            }
        }
        Err(named(Errno::EEXIST, name))
    }
}

/// Opens a directory without following a link, and makes sure that it may be read and emptied.
fn open_directory(parent: impl std::os::fd::AsFd, name: &CString) -> io::Result<OwnedFd> {
    let place = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let place = openat(parent, name.as_c_str(), place, Mode::empty())?;
    if Mode::from_bits_truncate(fstat(&place)?.st_mode) & Mode::S_IRWXU != Mode::S_IRWXU {
        // A descriptor that was opened without reading can be changed only by its name in /proc.
        let by_descriptor = format!("/proc/self/fd/{}", place.as_raw_fd());
        fchmodat(AT_FDCWD, by_descriptor.as_str(), Mode::S_IRWXU, FchmodatFlags::FollowSymlink)?;
    }
    Ok(openat(place.as_fd(), ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?)
}

fn names(directory: &OwnedFd) -> io::Result<Vec<(CString, Option<Type>)>> {
    let again = openat(directory, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(again)?.iter() {
        let entry = entry?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            names.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    Ok(names)
}

fn named(error: Errno, name: &CString) -> io::Error {
    let error = io::Error::from(error);
    io::Error::new(error.kind(), format!("{}: {error}", shown(name)))
}

fn shown(name: &CString) -> String {
    OsStr::from_bytes(name.as_bytes()).display().to_string()
}

fn is_still_written(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::DirectoryNotEmpty
}

const NAMES_TRIED_MAX: u32 = 1_000;
const TRIES_MAX: u32 = 5;
/// Folders that are entered one inside the other; each holds a descriptor.
const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_tree_that_a_job_made_hard_to_remove_is_removed() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        let outside = base.path().join("outside");
        fs::create_dir(&outside)?;
        fs::write(outside.join("kept"), "")?;
        let tree = base.path().join("tree");
        fs::create_dir_all(tree.join("a/b"))?;
        fs::write(tree.join("a/b/file"), "")?;
        fs::write(tree.join("a/read-only"), "")?;
        symlink(&outside, tree.join("a/link"))?;
        symlink("nowhere", tree.join("dangling"))?;
        nix::unistd::mkfifo(&tree.join("pipe"), Mode::S_IRWXU)?;
        fs::write(tree.join(OsStr::from_bytes(b"\xff\xfe")), "")?;
        fs::set_permissions(tree.join("a/read-only"), fs::Permissions::from_mode(0o0))?;
        fs::set_permissions(tree.join("a/b"), fs::Permissions::from_mode(0o0))?;
        fs::set_permissions(tree.join("a"), fs::Permissions::from_mode(0o500))?;
        remove_tree(&tree)?;
        assert!(!tree.exists() && outside.join("kept").exists());
        remove_tree(&tree)
    }

    #[test]
    fn folders_deeper_than_a_path_may_be_are_removed() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        let tree = base.path().join("tree");
        fs::create_dir(&tree)?;
        let mut directory = open_directory(AT_FDCWD, &CString::new(tree.as_os_str().as_bytes())?)?;
        for _ in 0..3_000 {
            nix::sys::stat::mkdirat(&directory, "deep", Mode::S_IRWXU)?;
            directory = open_directory(&directory, &CString::new("deep")?)?;
        }
        drop(directory);
        remove_tree(&tree)?;
        assert!(!tree.exists());
        Ok(())
    }

    #[test]
    fn a_link_itself_is_removed_and_not_what_it_leads_to() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        fs::create_dir(base.path().join("kept"))?;
        symlink("kept", base.path().join("link"))?;
        remove_tree(&base.path().join("link"))?;
        assert!(base.path().join("kept").exists() && !base.path().join("link").is_symlink());
        Ok(())
    }
}
