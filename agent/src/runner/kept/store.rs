//! [`Store`]: kept lists on disk, in a folder that the agents of one machine may share.
//!
//! A list appears by a rename, so what is there is complete, whenever an agent was killed. Each file carries a digest of its
//! key and its names; one that fails it counts as absent and is removed. Its time of modification says when the list was
//! made, its time of last access, set on every use, what is used least.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use sha2::{Digest as _, Sha256};

use super::key::Key;

/// A bounded folder of kept lists. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    bounds: Bounds,
    added: Mutex<Size>,
}

/// How much is kept. Agents that share a folder may each exceed it by an eighth for a while.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Number of lists.
    pub lists_max: u64,
    /// Bytes of all lists. One alone has at most an eighth of them.
    pub bytes_max: u64,
}

/// What was added since the folder was last counted.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    lists: u64,
    bytes: u64,
}

impl Store {
    /// The store in `folder`, which is made if need be, and held to its bounds. Blocks.
    ///
    /// # Errors
    /// If the folder cannot be made or read, or is a link.
    pub fn open(folder: &Path, bounds: Bounds) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        if !fs::symlink_metadata(folder)?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "kept lists are not read through links"));
        }
        let inner = Inner { folder: folder.to_owned(), bounds, added: Mutex::default() };
        inner.trim()?;
        Ok(Self(Arc::new(inner)))
    }

    /// The names that are kept under `key`, in their order; none if there are none, or none that were listed within
    /// `age_max`. Blocks.
    #[must_use]
    pub fn get(&self, key: &Key, age_max: Duration) -> Option<Vec<String>> {
        let path = self.0.path(key);
        // A pipe or device in its place is not waited for.
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC | nix::libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&path).ok()?;
        let status = file.metadata().ok()?;
        let is_recent = status.modified().ok()?.elapsed().is_ok_and(|age| age <= age_max);
        let names = if status.is_file() { read(&file, key, self.0.bounds.list_bytes_max()) } else { None };
        if names.is_none() {
            tracing::warn!(path = %path.display(), "a kept list of tests is damaged; it is thrown away");
        }
        if names.is_none() || !is_recent {
            // Nothing is lost if it cannot be removed: it is read as absent again.
            drop(fs::remove_file(&path));
            return None;
        }
        // A list whose use cannot be noted is only forgotten earlier.
        let _ = futimens(&file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_OMIT);
        names
    }

    /// Keeps `names` under `key`, in the place of what was kept there. What is too large is not kept. Blocks.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, key: &Key, names: &[String]) -> io::Result<()> {
        let mut payload = Vec::new();
        for name in names {
            payload.extend_from_slice(name.as_bytes());
            payload.push(0);
        }
        if payload.len() as u64 > self.0.bounds.list_bytes_max() {
            return Ok(());
        }
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.0.folder)?;
        file.write_all(&digest(key, &payload))?;
        file.write_all(&payload)?;
        file.persist(self.0.path(key)).map_err(|error| error.error)?;
        self.0.note_added(payload.len() as u64 + DIGEST_BYTES as u64)
    }

    /// Forgets what is kept under `key`. Blocks.
    pub fn forget(&self, key: &Key) {
        // What cannot be removed is too old before long.
        drop(fs::remove_file(self.0.path(key)));
    }
}

impl Bounds {
    const fn list_bytes_max(&self) -> u64 {
        self.bytes_max / 8
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lists_max: LISTS_MAX, bytes_max: BYTES_MAX }
    }
}

fn read(file: &File, key: &Key, bytes_max: u64) -> Option<Vec<String>> {
    let mut content = Vec::new();
    file.take(bytes_max + DIGEST_BYTES as u64 + 1).read_to_end(&mut content).ok()?;
    let (kept_digest, payload) = content.split_at_checked(DIGEST_BYTES)?;
    if kept_digest != digest(key, payload) {
        return None;
    }
    let Some(payload) = payload.strip_suffix(&[0]) else { return payload.is_empty().then(Vec::new) };
    payload.split(|byte| *byte == 0).map(|name| String::from_utf8(name.to_vec()).ok()).collect()
}

fn digest(key: &Key, payload: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::new().chain_update(FORMAT).chain_update(key.bytes()).chain_update(payload).finalize().into()
}

impl Inner {
    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(key.hex())
    }

    /// Counts the folder again, at the latest after an eighth of what may be in it, because other agents add too.
    fn note_added(&self, bytes: u64) -> io::Result<()> {
        {
            let mut added = self.added.lock().expect("nothing panics while it is held");
            *added = Size { lists: added.lists + 1, bytes: added.bytes + bytes };
            if added.lists <= self.bounds.lists_max / 8 && added.bytes <= self.bounds.bytes_max / 8 {
                return Ok(());
            }
            *added = Size::default();
        }
        self.trim()
    }

    /// Removes what was used least until the bounds are held, and what killed agents have left half written.
    fn trim(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        let mut size = Size::default();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another agent may have removed it since.
            let Ok(status) = entry.metadata() else { continue };
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                let age = status.modified().and_then(|time| time.elapsed().map_err(io::Error::other));
                if age.is_ok_and(|age| age > TEMPORARY_AGE_MAX) {
                    remove(&entry.path())?;
                }
                continue;
            }
            size = Size { lists: size.lists + 1, bytes: size.bytes + status.len() };
            kept.push(((status.atime(), status.atime_nsec()), status.len(), entry.path()));
        }
        if size.lists <= self.bounds.lists_max && size.bytes <= self.bounds.bytes_max {
            return Ok(());
        }
        kept.sort_unstable();
        for (_, bytes, path) in kept {
            if size.lists <= self.bounds.lists_max / 8 * 7 && size.bytes <= self.bounds.bytes_max / 8 * 7 {
                break;
            }
            remove(&path)?;
            size = Size { lists: size.lists - 1, bytes: size.bytes - bytes };
        }
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

const LISTS_MAX: u64 = 16_384;
const BYTES_MAX: u64 = 512 << 20;
const DIGEST_BYTES: usize = 32;
/// Another form of the file needs another word here, so that neither version reads the other's.
const FORMAT: &[u8] = b"muster kept list 1\0";
const TEMPORARY: &str = "new-";
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
