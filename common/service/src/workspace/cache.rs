//! [`BlobCache`]: blobs kept near, in a directory that several slots and processes of one user may share.
//!
//! A blob appears by a rename, so what is there is complete, whenever a process was killed. Every use checks its size and
//! that nobody changed it since: its permissions are as they were, and its time of modification is a fixed mark, which any
//! later write would change. What fails the check is thrown away and fetched again. Its time of last access, set on every use, says what is used least.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use muster_common::digest::Digest;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use tempfile::NamedTempFile;

use super::root::Directory;

/// A bounded directory of blobs. Cheap to clone; all clones together fetch a blob only once at one time.
#[derive(Clone, Debug)]
pub struct BlobCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    bytes_max: u64,
    size: Mutex<Size>,
    fetches: Fetches,
}

/// What is known of the bytes in the directory, which other processes fill and empty too.
#[derive(Debug, Default)]
struct Size {
    bytes: u64,
    added_since_counted: u64,
}

impl BlobCache {
    /// Opens the cache in `directory`, which is made if need be. Blocks.
    ///
    /// # Errors
    /// If the directory cannot be made or read.
    pub fn open(directory: &Path, bytes_max: u64) -> io::Result<Self> {
        for number in 0..=u8::MAX {
            fs::create_dir_all(directory.join(format!("{number:02x}")))?;
        }
        fs::create_dir_all(directory.join(TEMPORARY))?;
        let inner =
            Inner { directory: directory.to_owned(), bytes_max, size: Mutex::default(), fetches: Fetches::default() };
        inner.remove_stale_temporaries()?;
        inner.recount(&mut inner.size());
        Ok(Self(Arc::new(inner)))
    }

    /// Opens a blob for reading; none if it is not here, or is here no longer as it was put.
    pub(crate) fn get(&self, digest: &Digest) -> Option<File> {
        self.0.checked(digest, false)
    }

    /// Keeps a blob. That its content has this digest has been checked.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn put(&self, digest: &Digest, content: &[u8]) -> io::Result<()> {
        let mut temporary = self.temporary()?;
        temporary.write_all(content)?;
        self.adopt(digest, temporary)
    }

    /// A new file in which a blob may grow until it is adopted.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn temporary(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new().prefix("blob-").tempfile_in(self.0.directory.join(TEMPORARY))
    }

    /// Keeps a blob that is complete in a file from [`BlobCache::temporary`]. Its digest has been checked.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub(crate) fn adopt(&self, digest: &Digest, temporary: NamedTempFile) -> io::Result<()> {
        self.0.adopt(temporary, digest, false)?;
        self.0.note_added(digest.size_bytes);
        Ok(())
    }

    /// Gives a blob a further, read-only name in a directory; false if it is not here or cannot have one there.
    ///
    /// # Errors
    /// If the name cannot be made for a reason that a copy would meet too.
    pub(crate) fn link(&self, digest: &Digest, file: LinkedFile<'_>) -> io::Result<bool> {
        let path = self.0.blob_path(digest, file.is_executable);
        if self.0.checked(digest, file.is_executable).is_none()
            && !(file.is_executable && self.copy_executable(digest)?)
        {
            return Ok(false);
        }
        match file.directory.create_hard_link(file.name, &path) {
            Ok(()) => Ok(true),
            Err(error) if is_unlinkable(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Blobs that are being fetched into this cache.
    pub(crate) fn fetches(&self) -> &Fetches {
        &self.0.fetches
    }

    /// Permissions belong to a file and not to its names, so an executable one is kept a second time.
    fn copy_executable(&self, digest: &Digest) -> io::Result<bool> {
        let Some(mut plain) = self.get(digest) else { return Ok(false) };
        let mut temporary = self.temporary()?;
        io::copy(&mut plain, temporary.as_file_mut())?;
        self.0.adopt(temporary, digest, true)?;
        self.0.note_added(digest.size_bytes);
        Ok(true)
    }
}

/// A name that a blob is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkedFile<'a> {
    /// Where.
    pub(crate) directory: &'a Directory,
    /// The name.
    pub(crate) name: &'a str,
    /// Whether it may be executed.
    pub(crate) is_executable: bool,
}

impl Inner {
    fn blob_path(&self, digest: &Digest, is_executable: bool) -> PathBuf {
        let hash = digest.hash_hex();
        let suffix = if is_executable { ".x" } else { "" };
        self.directory.join(&hash[..2]).join(format!("{hash}{suffix}"))
    }

    fn checked(&self, digest: &Digest, is_executable: bool) -> Option<File> {
        let path = self.blob_path(digest, is_executable);
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC)
            .open(&path)
            .ok()?;
        let status = file.metadata().ok()?;
        let is_as_it_was = status.is_file()
            && status.len() == digest.size_bytes
            && status.mtime() == UNTOUCHED_SECONDS
            && status.mode() & 0o777 == mode(is_executable);
        if !is_as_it_was {
            tracing::warn!(path = %path.display(), "cached blob was changed or cut off, it is fetched again");
            // Nothing is lost if it cannot be removed: it will fail the check again.
            drop(fs::remove_file(&path));
            return None;
        }
        // A blob whose use cannot be noted is only forgotten earlier.
        let _ = futimens(&file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_OMIT);
        Some(file)
    }

    fn adopt(&self, temporary: NamedTempFile, digest: &Digest, is_executable: bool) -> io::Result<()> {
        let file = temporary.as_file();
        file.set_permissions(fs::Permissions::from_mode(mode(is_executable)))?;
        futimens(file, &TimeSpec::UTIME_NOW, &TimeSpec::new(UNTOUCHED_SECONDS, 0))?;
        temporary.persist(self.blob_path(digest, is_executable)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Notes what was added. Counts and evicts when the bound may be exceeded, at the latest after every eighth of it,
    /// because other processes add too.
    fn note_added(&self, bytes: u64) {
        let mut size = self.size();
        size.bytes = size.bytes.saturating_add(bytes);
        size.added_since_counted = size.added_since_counted.saturating_add(bytes);
        if size.bytes > self.bytes_max || size.added_since_counted > self.bytes_max / 8 {
            self.recount(&mut size);
        }
    }

    fn recount(&self, size: &mut Size) {
        match self.trim() {
            Ok(bytes) => *size = Size { bytes, added_since_counted: 0 },
            Err(error) => tracing::warn!(%error, directory = %self.directory.display(), "cannot trim the blob cache"),
        }
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().expect("nothing panics while it is held")
    }

    /// Evicts what was used least until there is some room. Says how many bytes are left.
    fn trim(&self) -> io::Result<u64> {
        let lock = File::create(self.directory.join("lock"))?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
        let mut blobs = self.all()?;
        let mut bytes: u64 = blobs.iter().map(|blob| blob.bytes).sum();
        if bytes <= self.bytes_max {
            return Ok(bytes);
        }
        blobs.sort_unstable_by_key(|blob| blob.used);
        for blob in blobs {
            if bytes <= self.bytes_max / 10 * 9 {
                break;
            }
            match fs::remove_file(&blob.path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            bytes -= blob.bytes;
        }
        Ok(bytes)
    }

    fn all(&self) -> io::Result<Vec<Kept>> {
        let mut blobs = Vec::new();
        for number in 0..=u8::MAX {
            for entry in fs::read_dir(self.directory.join(format!("{number:02x}")))? {
                let entry = entry?;
                // Another process may have evicted it since it was listed.
                let Ok(status) = entry.metadata() else { continue };
                let used = (status.atime(), status.atime_nsec());
                blobs.push(Kept { path: entry.path(), bytes: status.len(), used });
            }
        }
        Ok(blobs)
    }

    /// What a killed process has left behind. A file that still grows is not that old.
    fn remove_stale_temporaries(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.directory.join(TEMPORARY))? {
            let entry = entry?;
            let modified = entry.metadata().and_then(|status| status.modified());
            let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
            if age.is_some_and(|age| age > TEMPORARY_AGE_MAX) {
                // Another process may be removing it as well.
                drop(fs::remove_file(entry.path()));
            }
        }
        Ok(())
    }
}

struct Kept {
    path: PathBuf,
    bytes: u64,
    used: (i64, i64),
}

/// Which blobs are being fetched, so that slots that need the same ones wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    claimed: Mutex<HashSet<Digest>>,
    released: tokio::sync::Notify,
}

impl Fetches {
    /// Claims those of `digests` that nobody else is fetching. The others come back as second part.
    pub(crate) fn claim(&self, digests: Vec<Digest>) -> (Claim<'_>, Vec<Digest>) {
        let mut claimed = self.claimed.lock().expect("nothing panics while it is held");
        let (mine, theirs) = digests.into_iter().partition(|digest| claimed.insert(*digest));
        (Claim { fetches: self, mine }, theirs)
    }

    /// Waits until none of `digests` is being fetched.
    pub(crate) async fn wait(&self, digests: &[Digest]) {
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            {
                let claimed = self.claimed.lock().expect("nothing panics while it is held");
                if !digests.iter().any(|digest| claimed.contains(digest)) {
                    return;
                }
            }
            released.await;
        }
    }
}

/// Blobs that its holder fetches. Given back when it is dropped, whether or not they were fetched.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    fetches: &'a Fetches,
    /// The blobs.
    pub(crate) mine: Vec<Digest>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claimed = self.fetches.claimed.lock().expect("nothing panics while it is held");
        for digest in &self.mine {
            claimed.remove(digest);
        }
        drop(claimed);
        self.fetches.released.notify_waiters();
    }
}

const fn mode(is_executable: bool) -> u32 {
    if is_executable { 0o555 } else { 0o444 }
}

fn is_unlinkable(error: &io::Error) -> bool {
    let unlinkable = [Errno::EXDEV, Errno::EMLINK, Errno::EPERM, Errno::ENOENT, Errno::EOPNOTSUPP];
    error.raw_os_error().is_some_and(|code| unlinkable.contains(&Errno::from_raw(code)))
}

/// Bound of a cache where its configuration names none.
pub const CACHE_BYTES_DEFAULT: u64 = 20 << 30;
const TEMPORARY: &str = "new";
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(60 * 60);
/// Time of modification of a blob that nobody has written to: 2001-09-09, which no clock shows any more.
const UNTOUCHED_SECONDS: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::blob::content::digest_of;

    fn content(cache: &BlobCache, digest: &Digest) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        cache.get(digest)?.read_to_end(&mut content).ok()?;
        Some(content)
    }

    #[test]
    fn what_was_put_is_found_again_by_another_process_too() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let (one, other) = (BlobCache::open(directory.path(), 1_000)?, BlobCache::open(directory.path(), 1_000)?);
        let digest = digest_of(b"abc");
        assert!(one.get(&digest).is_none());
        one.put(&digest, b"abc")?;
        one.put(&digest, b"abc")?;
        assert_eq!(content(&other, &digest).as_deref(), Some(&b"abc"[..]));
        Ok(())
    }

    #[test]
    fn what_was_changed_or_cut_off_is_not_given_out() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let cache = BlobCache::open(directory.path(), 1_000)?;
        let digest = digest_of(b"abc");
        for change in [&b"ab"[..], b"abd"] {
            cache.put(&digest, b"abc")?;
            let path = cache.0.blob_path(&digest, false);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
            fs::write(&path, change)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444))?;
            assert!(cache.get(&digest).is_none());
            assert!(!path.exists());
        }
        cache.put(&digest, b"abc")?;
        fs::set_permissions(cache.0.blob_path(&digest, false), fs::Permissions::from_mode(0o644))?;
        assert!(cache.get(&digest).is_none(), "somebody is about to write to it");
        Ok(())
    }

    #[test]
    fn the_least_used_goes_first_and_the_bound_holds() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let cache = BlobCache::open(directory.path(), 1_000)?;
        let blobs: Vec<Vec<u8>> = (0..10).map(|number| vec![number; 100]).collect();
        for blob in &blobs {
            cache.put(&digest_of(blob), blob)?;
            let file = cache.get(&digest_of(blob)).expect("it was just put");
            futimens(&file, &TimeSpec::new(i64::from(blob[0]) + 1, 0), &TimeSpec::UTIME_OMIT)?;
        }
        assert!(cache.get(&digest_of(&blobs[0])).is_some());
        cache.put(&digest_of(b"one more"), b"one more")?;
        let left = cache.0.all()?;
        assert!(left.iter().map(|blob| blob.bytes).sum::<u64>() <= 1_000);
        assert!(cache.get(&digest_of(&blobs[0])).is_some(), "it was used last");
        assert!(cache.get(&digest_of(&blobs[1])).is_none(), "it was used least");
        assert!(cache.get(&digest_of(b"one more")).is_some());
        Ok(())
    }

    #[test]
    fn links_are_read_only_and_an_executable_has_a_file_of_its_own() -> io::Result<()> {
        let (directory, target) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let cache = BlobCache::open(directory.path(), 1_000)?;
        let root = super::super::root::Root::open(target.path())?;
        let top = root.directory(&super::super::path::TreePath::root())?;
        let digest = digest_of(b"abc");
        let mut file = LinkedFile { directory: &top, name: "plain", is_executable: false };
        assert!(!cache.link(&digest, file)?);
        cache.put(&digest, b"abc")?;
        assert!(cache.link(&digest, file)?);
        (file.name, file.is_executable) = ("run", true);
        assert!(cache.link(&digest, file)?);
        for (name, mode) in [("plain", 0o444), ("run", 0o555)] {
            let status = fs::metadata(target.path().join(name))?;
            assert_eq!((status.mode() & 0o777, status.nlink()), (mode, 2));
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_blob_is_claimed_by_one_at_a_time() {
        let fetches = Fetches::default();
        let (one, two) = (digest_of(b"1"), digest_of(b"2"));
        let (claim, theirs) = fetches.claim(vec![one]);
        assert!(theirs.is_empty());
        let (second, theirs) = fetches.claim(vec![one, two]);
        assert_eq!((second.mine.as_slice(), theirs.as_slice()), (&[two][..], &[one][..]));
        let waiting = fetches.wait(&theirs);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(second);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(claim);
        waiting.await;
        assert!(fetches.claim(vec![one]).1.is_empty());
    }
}
