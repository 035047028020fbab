//! Which base and which journals count.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use muster_common::id::Epoch;

use super::base::Seal;
use super::file;
use super::frame::{Hash, Position};
use crate::store::{ManifestFault, OpenError};

/// The root of the store on disk. A base and a journal exist once a manifest names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) store_id: u128,
    /// The number of the base that counts, and of the journal that begins with it.
    pub(super) generation: u64,
    /// The epoch at which the journal begins.
    pub(super) epoch: Epoch,
    /// The base's content.
    pub(super) base: Seal,
    /// The last frame before the journal.
    pub(super) before: Position,
    /// The newest frame of which the base may hold something: without it, the base means nothing.
    pub(super) complete: Position,
    /// Where the next journal goes on behind this one, once it does.
    pub(super) next: Option<Next>,
}

/// The place between two journals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// The epoch at which the later journal begins.
    pub(super) epoch: Epoch,
    /// The last frame of the earlier one.
    pub(super) before: Position,
}

impl Manifest {
    /// Reads the manifest; none when there is no file.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = Self::path(dir);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(OpenError::Io { action: "read", path, source }),
        };
        match Self::parse(&bytes) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(fault) => Err(OpenError::Manifest { path, fault }),
        }
    }

    /// Replaces the manifest; durable when this returns, unknown when it fails.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        file::replace(dir, NAME, self.encode().as_bytes())
    }

    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    fn encode(&self) -> String {
        let Self { store_id, generation, epoch, base, before, complete, next } = self;
        let shown = |Next { epoch, before }| format!("{epoch} {} {}", before.seq, before.hash);
        let next = next.map_or_else(|| NONE.to_owned(), shown);
        let text = format!(
            "{TITLE}\nversion: {VERSION}\nstore: {store_id:032x}\ngeneration: {generation}\nepoch: {epoch}\n\
             base: {} {}\nbefore: {} {}\ncomplete: {} {}\nnext: {next}\n",
            base.bytes, base.hash, before.seq, before.hash, complete.seq, complete.hash
        );
        let checksum = crc32fast::hash(text.as_bytes());
        format!("{text}checksum: {checksum:08x}\n")
    }

    fn parse(bytes: &[u8]) -> Result<Self, ManifestFault> {
        let fault = |line, expected| ManifestFault::Line { line, expected };
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestFault::Checksum)?;
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(fault(1, "the title of a manifest"));
        }
        let mut field = |line, name: &str, expected| {
            let value = lines.next().and_then(|text| text.strip_prefix(name)?.strip_prefix(": "));
            value.ok_or(fault(line, expected))
        };
        let version = field(2, "version", "the version")?;
        if version.parse() != Ok(VERSION) {
            return Err(ManifestFault::UnknownVersion { found: version.to_owned(), known: VERSION });
        }
        let store_id = field(3, "store", "the store's identity")?;
        let generation = field(4, "generation", "a generation")?;
        let epoch = field(5, "epoch", "an epoch")?;
        let base = field(6, "base", SIZE)?;
        let before = field(7, "before", PLACE)?;
        let complete = field(8, "complete", PLACE)?;
        let next = field(9, "next", NEXT)?;
        let (base_bytes, hash) = numbered(base).ok_or(fault(6, SIZE))?;
        let manifest = Self {
            store_id: u128::from_str_radix(store_id, 16).map_err(|_| fault(3, "the store's identity"))?,
            generation: number(generation).ok_or(fault(4, "a generation"))?,
            epoch: Epoch(number(epoch).ok_or(fault(5, "an epoch"))?),
            base: Seal { bytes: base_bytes, hash },
            before: position(before).ok_or(fault(7, PLACE))?,
            complete: position(complete).ok_or(fault(8, PLACE))?,
            next: if next == NONE { None } else { Some(next_journal(next).ok_or(fault(9, NEXT))?) },
        };
        // Written again it must be the same to the byte; the checksum is among those bytes.
        if manifest.encode().as_bytes() == bytes { Ok(manifest) } else { Err(ManifestFault::Checksum) }
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn position(text: &str) -> Option<Position> {
    numbered(text).map(|(seq, hash)| Position { seq, hash })
}

fn next_journal(text: &str) -> Option<Next> {
    let (epoch, before) = text.split_once(' ')?;
    Some(Next { epoch: Epoch(number(epoch)?), before: position(before)? })
}

fn numbered(text: &str) -> Option<(u64, Hash)> {
    let (seq, hash) = text.split_once(' ')?;
    Some((number(seq)?, Hash::parse(hash)?))
}

const NAME: &str = "MANIFEST";
const TITLE: &str = "muster store";
const VERSION: u32 = 2;
const NONE: &str = "none";
const PLACE: &str = "a frame and its hash";
const NEXT: &str = "an epoch, a frame and its hash";
const SIZE: &str = "a size and a hash";

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let before = Position { seq: 120, hash: Hash::of(b"before") };
        let complete = Position { seq: 133, hash: Hash::of(b"complete") };
        let base = Seal { bytes: 4_711, hash: Hash::of(b"base") };
        Manifest { store_id: 0xabc, generation: 7, epoch: Epoch(3), base, before, complete, next: None }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Manifest::read(dir.path()).expect("readable"), None);
        for next in [None, Some(Next { epoch: Epoch(4), before: manifest().complete })] {
            let manifest = Manifest { next, ..manifest() };
            manifest.write(dir.path()).expect("written");
            assert_eq!(Manifest::read(dir.path()).expect("readable"), Some(manifest));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = manifest().encode().into_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::parse(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Manifest::parse(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let text = manifest().encode().replace("version: 2", "version: 12");
        let expected = ManifestFault::UnknownVersion { found: "12".to_owned(), known: VERSION };
        assert_eq!(Manifest::parse(text.as_bytes()), Err(expected));
    }
}
