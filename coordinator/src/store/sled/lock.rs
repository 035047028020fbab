//! One coordinator to a directory.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::room;
use crate::store::OpenError;

/// Held as long as it lives, and no longer than its process.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: Flock<File>,
}

impl DirectoryLock {
    /// Takes the lock and writes this process down as its holder, or says who holds it.
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("LOCK");
        let failed = |action, path: &PathBuf, source| OpenError::Io { action, path: path.clone(), source };
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|source| failed("open", &path, source))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                match write_holder(&mut file) {
                    // The number is for people; on a full disk the lock must do without.
                    Err(error) if !room::is_used_up(&error) => return Err(failed("write to", &path, error)),
                    Ok(()) | Err(_) => {}
                }
                Ok(Self { _file: file })
            }
            Err((file, Errno::EWOULDBLOCK)) => Err(OpenError::Locked { dir: dir.to_owned(), pid: read_holder(file) }),
            Err((_, errno)) => Err(failed("lock", &path, errno.into())),
        }
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_holder(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

const HOLDER_BYTES_MAX: u64 = 16;
