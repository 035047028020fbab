//! One entry of the journal, or one block of a base.

use std::fmt;

use muster_common::id::Epoch;
use sha2::{Digest, Sha256};

use crate::store::FrameFault;

/// A numbered, checksummed piece of the journal or of a base. A commit is one frame, or several of which only the last is
/// marked as last; without that one the others do not count. A base is one such sequence in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) is_last: bool,
    pub(super) epoch: Epoch,
    pub(super) seq: u64,
    /// The hash of the frame before it.
    pub(super) previous: Hash,
    pub(super) body: &'a [u8],
}

/// What a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Live rows with which a generation begins.
    Base,
    /// The writes of one commit.
    Commit,
    /// A raised epoch; the body is empty.
    Epoch,
}

/// SHA-256 over a whole frame as it is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash(pub(super) [u8; 32]);

/// A place in the chain: the number and the hash of a frame. Number 0 is the place before the first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

impl Frame<'_> {
    /// The bytes that are stored.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.body.len());
        bytes.push(VERSION);
        bytes.push(self.kind.code() | if self.is_last { LAST } else { 0 });
        bytes.extend(self.epoch.0.to_le_bytes());
        bytes.extend(self.seq.to_le_bytes());
        bytes.extend(self.previous.0);
        bytes.extend((self.body.len() as u64).to_le_bytes());
        bytes.extend(checksum(&bytes, self.body).to_le_bytes());
        bytes.extend(self.body);
        bytes
    }
}

impl<'a> Frame<'a> {
    /// How many bytes of body follow this header, as it says itself; nothing is checked.
    pub(super) fn body_bytes(header: &[u8; HEADER_BYTES]) -> u64 {
        field(header, 50)
    }

    /// Reads what [`encode`](Frame::encode) wrote, and nothing else.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, FrameFault> {
        let found = *bytes.first().ok_or(FrameFault::Length { expected: HEADER_BYTES, found: 0 })?;
        if found != VERSION {
            return Err(FrameFault::UnknownVersion { found, known: VERSION });
        }
        let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(FrameFault::Length { expected: HEADER_BYTES, found: bytes.len() });
        };
        let (checked, crc) = header.split_at(HEADER_BYTES - 4);
        if crc != checksum(checked, body).to_le_bytes() {
            return Err(FrameFault::Checksum);
        }
        if field(header, 50) != body.len() as u64 {
            return Err(FrameFault::Length { expected: HEADER_BYTES, found: bytes.len() });
        }
        let mut previous = Hash([0; 32]);
        previous.0.copy_from_slice(&header[18..50]);
        Ok(Self {
            kind: Kind::from_code(header[1] & !LAST)?,
            is_last: header[1] & LAST != 0,
            epoch: Epoch(field(header, 2)),
            seq: field(header, 10),
            previous,
            body,
        })
    }
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Base => 1,
            Self::Commit => 2,
            Self::Epoch => 3,
        }
    }

    fn from_code(code: u8) -> Result<Self, FrameFault> {
        match code {
            1 => Ok(Self::Base),
            2 => Ok(Self::Commit),
            3 => Ok(Self::Epoch),
            other => Err(FrameFault::UnknownKind(other)),
        }
    }
}

impl Hash {
    /// The hash of bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads what its text form shows.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut hash = Self([0; 32]);
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, pair) in hash.0.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(body);
    crc.finalize()
}

fn field(header: &[u8; HEADER_BYTES], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    u64::from_le_bytes(bytes)
}

/// Bytes of the body of a frame in the journal.
///
/// sled keeps up to 17 values in one page and rewrites the page as a whole; a page of about 128 KiB or more becomes a
/// file of its own, and those sled never syncs. So 18 full frames must stay below that.
pub(super) const BODY_BYTES_MAX: usize = 6 << 10;

const VERSION: u8 = 2;
const LAST: u8 = 0x80;
/// Version, kind, epoch, seq, previous hash, body length, checksum.
pub(super) const HEADER_BYTES: usize = 1 + 1 + 8 + 8 + 32 + 8 + 4;
const _: () = assert!(18 * (HEADER_BYTES + BODY_BYTES_MAX + 64) < 128 << 10);

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &[u8]) -> Frame<'_> {
        let previous = Hash::of(b"the one before");
        Frame { kind: Kind::Commit, is_last: true, epoch: Epoch(3), seq: 77, previous, body }
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        for body in [&b""[..], b"rows", &[7; BODY_BYTES_MAX]] {
            let frame = frame(body);
            assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = frame(b"some rows").encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::decode(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = frame(b"rows").encode();
        bytes[0] = 9;
        assert_eq!(Frame::decode(&bytes), Err(FrameFault::UnknownVersion { found: 9, known: VERSION }));
    }

    #[test]
    fn a_hash_is_read_as_it_is_shown() {
        let hash = Hash::of(b"anything");
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        assert_eq!(Hash::parse("12"), None);
        assert_eq!(Hash::parse(&"zz".repeat(32)), None);
    }
}
