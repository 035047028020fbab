//! [`Root`]: a directory beneath which things are read and written without following any symbolic link.
//!
//! Every step goes by a directory's descriptor and one name, with `O_NOFOLLOW`, so that nothing that happens in the tree
//! at the same time can lead out of it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use super::path::TreePath;

/// A directory beneath which things are read and written.
#[derive(Debug)]
pub struct Root {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket, pipe or device.
    Special,
}

impl Root {
    /// Opens the directory at `path`, following links on the way to it.
    ///
    /// # Errors
    /// If it is not there, is no directory or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let descriptor = open(path, DIRECTORY_FLAGS & !OFlag::O_NOFOLLOW, Mode::empty())?;
        Ok(Self { descriptor, path: path.to_owned() })
    }

    /// The path by which it was opened. For messages only.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// If it is not there, or any name in it is not that of a directory.
    pub fn directory(&self, path: &TreePath) -> io::Result<Directory> {
        let mut directory = Directory(self.descriptor.try_clone()?);
        for name in path.names() {
            directory = directory.directory(name)?;
        }
        Ok(directory)
    }

    /// Opens the regular file at `path` for reading.
    ///
    /// # Errors
    /// If it is not there or no regular file, or any name before it is not that of a directory.
    pub fn file(&self, path: &TreePath) -> io::Result<File> {
        self.directory(&path.parent().unwrap_or_default())?.file(path.name())
    }
}

/// An open directory beneath a root.
#[derive(Debug)]
pub struct Directory(OwnedFd);

impl Directory {
    /// Opens the directory `name` in it.
    ///
    /// # Errors
    /// If it is not there or is no directory.
    pub fn directory(&self, name: &str) -> io::Result<Self> {
        Ok(Self(openat(&self.0, name, DIRECTORY_FLAGS, Mode::empty())?))
    }

    /// Makes sure that there is a directory `name` in it.
    ///
    /// # Errors
    /// If there is something else of that name.
    pub fn make_directory(&self, name: &str) -> io::Result<()> {
        match mkdirat(&self.0, name, Mode::from_bits_truncate(0o755)) {
            Err(Errno::EEXIST) if self.kind(name)? == NameKind::Directory => Ok(()),
            made => Ok(made?),
        }
    }

    /// Opens the regular file `name` in it for reading.
    ///
    /// # Errors
    /// If it is not there or no regular file.
    pub fn file(&self, name: &str) -> io::Result<File> {
        // Without O_NONBLOCK the opening of a pipe would wait for its other end.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = File::from(openat(&self.0, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
    }

    /// Makes the new file `name` in it, in place of what file or link there was, with exactly these permissions.
    ///
    /// # Errors
    /// If there is a directory of that name, or it cannot be written.
    pub fn create_file(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(mode);
        let descriptor = self.replacing(name, || openat(&self.0, name, flags, mode))?;
        fchmod(&descriptor, mode)?;
        Ok(File::from(descriptor))
    }

    /// Makes the symbolic link `name` in it, in place of what file or link there was.
    ///
    /// # Errors
    /// If there is a directory of that name, or it cannot be written.
    pub fn create_link(&self, name: &str, target: &str) -> io::Result<()> {
        self.replacing(name, || symlinkat(target, &self.0, name))
    }

    /// Gives the file at `source` the further name `name` in it, in place of what file or link there was.
    ///
    /// # Errors
    /// If there is a directory of that name, or the two are not on one file system.
    pub fn create_hard_link(&self, name: &str, source: &Path) -> io::Result<()> {
        self.replacing(name, || linkat(nix::fcntl::AT_FDCWD, source, &self.0, name, AtFlags::empty()))
    }

    /// What `name` in it stands for.
    ///
    /// # Errors
    /// If there is nothing of that name.
    pub fn kind(&self, name: &str) -> io::Result<NameKind> {
        let status = fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Ok(kind_of(status.st_mode))
    }

    /// Where the symbolic link `name` in it leads to.
    ///
    /// # Errors
    /// If it is no symbolic link.
    pub fn link_target(&self, name: &str) -> io::Result<std::ffi::OsString> {
        Ok(readlinkat(&self.0, name)?)
    }

    /// All names in it, with what they stand for, sorted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn names(&self) -> io::Result<Vec<(std::ffi::OsString, NameKind)>> {
        use std::os::unix::ffi::OsStrExt as _;
        let mut names = Vec::new();
        let mut listing = Dir::from_fd(openat(&self.0, ".", DIRECTORY_FLAGS, Mode::empty())?)?;
        for entry in listing.iter() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let kind = match entry.file_type() {
                Some(Type::Directory) => NameKind::Directory,
                Some(Type::File) => NameKind::File,
                Some(Type::Symlink) => NameKind::Link,
                Some(Type::Fifo | Type::CharacterDevice | Type::BlockDevice | Type::Socket) => NameKind::Special,
                None => kind_of(fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode),
            };
            names.push((std::ffi::OsStr::from_bytes(name.to_bytes()).to_owned(), kind));
        }
        names.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }

    fn replacing<T>(&self, name: &str, make: impl Fn() -> nix::Result<T>) -> io::Result<T> {
        match make() {
            Err(Errno::EEXIST) => {
                unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?;
                Ok(make()?)
            }
            made => Ok(made?),
        }
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether the owner may execute an open file.
///
/// # Errors
/// If its status cannot be read.
pub fn is_executable(file: &File) -> io::Result<bool> {
    Ok(fstat(file)?.st_mode & 0o100 != 0)
}

fn kind_of(mode: nix::libc::mode_t) -> NameKind {
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => NameKind::Directory,
        SFlag::S_IFREG => NameKind::File,
        SFlag::S_IFLNK => NameKind::Link,
        _ => NameKind::Special,
    }
}

const DIRECTORY_FLAGS: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn nothing_is_read_or_written_through_a_link() -> io::Result<()> {
        let outside = tempfile::tempdir()?;
        std::fs::write(outside.path().join("secret"), "s")?;
        let inside = tempfile::tempdir()?;
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out"))?;
        std::os::unix::fs::symlink(outside.path().join("secret"), inside.path().join("file"))?;
        let root = Root::open(inside.path())?;
        let out = TreePath::parse("out").expect("it stays inside");
        assert!(root.directory(&out).is_err());
        assert!(root.file(&out.join("secret").expect("it stays inside")).is_err());
        assert!(root.file(&TreePath::parse("file").expect("it stays inside")).is_err());
        let top = root.directory(&TreePath::root())?;
        assert!(top.make_directory("out").is_err());
        top.create_file("file", 0o644)?.write_all(b"new")?;
        assert_eq!(std::fs::read(outside.path().join("secret"))?, b"s");
        assert_eq!(std::fs::read(inside.path().join("file"))?, b"new");
        Ok(())
    }

    #[test]
    fn a_pipe_is_no_file_and_nobody_waits_for_it() -> io::Result<()> {
        let inside = tempfile::tempdir()?;
        nix::unistd::mkfifo(&inside.path().join("pipe"), Mode::from_bits_truncate(0o600))?;
        let root = Root::open(inside.path())?;
        assert!(root.file(&TreePath::parse("pipe").expect("it stays inside")).is_err());
        assert_eq!(root.directory(&TreePath::root())?.names()?, [("pipe".into(), NameKind::Special)]);
        Ok(())
    }
}
