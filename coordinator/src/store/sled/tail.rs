//! The mark of the newest acknowledged frame.
//!
//! sled takes a damaged end of its log for an unfinished write and drops it without a word. So the newest acknowledged
//! frame is also written down beside it, after that frame is durable and before it is acknowledged. The mark itself is
//! not synced at each commit: after a power cut it may be older than the journal, never newer, so it never accuses a
//! whole journal; it is exact after a killed process and, a little later, on the disk.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::file;
use super::frame::{Hash, Position};
use crate::store::{OpenError, TailFault};

/// Two copies, written in turn, so that a torn write leaves the one before.
#[derive(Debug)]
pub(super) struct TailMark {
    file: File,
    newest: Position,
    next_copy: usize,
}

impl TailMark {
    /// Begins a new mark.
    pub(super) fn create(dir: &Path, at: Position) -> io::Result<Self> {
        let mut content = vec![0; COPY_SPACING * COPIES];
        for copy in content.chunks_mut(COPY_SPACING) {
            copy[..COPY_BYTES].copy_from_slice(&encode(at));
        }
        file::replace(dir, NAME, &content)?;
        let file = File::options().read(true).write(true).open(dir.join(NAME))?;
        Ok(Self { file, newest: at, next_copy: 0 })
    }

    /// Reads the mark; none when there is no file.
    pub(super) fn open(dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = dir.join(NAME);
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(OpenError::Io { action: "read", path, source }),
        };
        let (newest, next_copy) = match newest(&content) {
            Ok(found) => found,
            Err(fault) => return Err(OpenError::TailMark { path, fault }),
        };
        let file = File::options().read(true).write(true).open(&path);
        let file = file.map_err(|source| OpenError::Io { action: "open", path, source })?;
        Ok(Some(Self { file, newest, next_copy }))
    }

    /// The newest frame that is known to have been acknowledged.
    pub(super) fn newest(&self) -> Position {
        self.newest
    }

    /// Moves the mark. The frame is durable already.
    pub(super) fn move_to(&mut self, at: Position) -> io::Result<()> {
        self.file.write_all_at(&encode(at), (self.next_copy * COPY_SPACING) as u64)?;
        self.next_copy = (self.next_copy + 1) % COPIES;
        self.newest = at;
        Ok(())
    }
}

impl Drop for TailMark {
    fn drop(&mut self) {
        // A store that is closed in order leaves an exact mark. Where that fails the older one is as good as after a
        // power cut.
        let _ = self.file.sync_data();
    }
}

fn newest(content: &[u8]) -> Result<(Position, usize), TailFault> {
    let mut newest: Option<(Position, usize)> = None;
    for (number, copy) in content.chunks(COPY_SPACING).take(COPIES).enumerate() {
        let Some(position) = decode(copy)? else { continue };
        if newest.is_none_or(|(found, _)| found.seq < position.seq) {
            newest = Some((position, (number + 1) % COPIES));
        }
    }
    newest.ok_or(TailFault::Damaged)
}

fn encode(at: Position) -> [u8; COPY_BYTES] {
    let mut bytes = [0; COPY_BYTES];
    bytes[..5].copy_from_slice(MAGIC);
    bytes[5] = VERSION;
    bytes[6..14].copy_from_slice(&at.seq.to_le_bytes());
    bytes[14..46].copy_from_slice(&at.hash.0);
    let checksum = crc32fast::hash(&bytes[..46]);
    bytes[46..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Reads one copy; none when it is damaged.
fn decode(copy: &[u8]) -> Result<Option<Position>, TailFault> {
    let Some(bytes) = copy.first_chunk::<COPY_BYTES>() else { return Ok(None) };
    if !bytes.starts_with(MAGIC) || crc32fast::hash(&bytes[..46]).to_le_bytes() != bytes[46..] {
        return Ok(None);
    }
    if bytes[5] != VERSION {
        return Err(TailFault::UnknownVersion { found: bytes[5], known: VERSION });
    }
    let (mut seq, mut hash) = ([0; 8], Hash([0; 32]));
    seq.copy_from_slice(&bytes[6..14]);
    hash.0.copy_from_slice(&bytes[14..46]);
    Ok(Some(Position { seq: u64::from_le_bytes(seq), hash }))
}

pub(super) const NAME: &str = "TAIL";
const MAGIC: &[u8; 5] = b"MTAIL";
const VERSION: u8 = 1;
const COPIES: usize = 2;
/// Magic, version, seq, hash, checksum.
const COPY_BYTES: usize = 5 + 1 + 8 + 32 + 4;
/// A disk writes a sector whole, so the copies lie in sectors of their own.
const COPY_SPACING: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seq: u64) -> Position {
        Position { seq, hash: Hash::of(&seq.to_le_bytes()) }
    }

    fn newest_in(dir: &Path) -> Option<u64> {
        TailMark::open(dir).expect("readable").map(|mark| mark.newest().seq)
    }

    #[test]
    fn the_newest_whole_copy_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(newest_in(dir.path()), None);
        let mut mark = TailMark::create(dir.path(), at(0)).expect("written");
        for seq in [3, 4, 9] {
            mark.move_to(at(seq)).expect("written");
            assert_eq!(newest_in(dir.path()), Some(seq));
        }
        let path = dir.path().join(NAME);
        let whole = fs::read(&path).expect("it is there");
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (found, _) = newest(&damaged).expect("one copy is whole");
            assert!(found == at(9) || found == at(4), "bit {bit}: {found:?}");
        }
        for length in 0..COPY_BYTES {
            assert_eq!(newest(&whole[..length]), Err(TailFault::Damaged));
        }
    }
}
