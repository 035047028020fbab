//! Digests of bytes, and digests as the Remote Execution API writes them.

use std::io::{self, Read};

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use muster_common::digest::{Digest, ParseDigestError};
use sha2::{Digest as _, Sha256};

/// Digest of no bytes at all. This blob always exists.
pub const EMPTY: Digest = Digest {
    hash: [
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ],
    size_bytes: 0,
};

/// The digest of `bytes`.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// The digest of all that is left in `reader`.
///
/// # Errors
/// Those of `reader`.
pub fn digest_of_reader(reader: &mut impl Read) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Computes the digest of content that comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hasher {
    sha256: Sha256,
    size_bytes: u64,
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.size_bytes += bytes.len() as u64;
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest { hash: self.sha256.finalize().into(), size_bytes: self.size_bytes }
    }
}

/// A digest as the API writes it.
#[must_use]
pub fn to_reapi(digest: &Digest) -> reapi::Digest {
    reapi::Digest {
        hash: digest.hash_hex(),
        size_bytes: i64::try_from(digest.size_bytes).expect("a blob is far smaller than 2^63 bytes"),
    }
}

/// A digest from what the API carries.
///
/// # Errors
/// If the hash is not one of SHA-256 in lower-case hexadecimal digits, or the size is negative.
pub fn from_reapi(digest: &reapi::Digest) -> Result<Digest, ParseDigestError> {
    match u64::try_from(digest.size_bytes) {
        Ok(size_bytes) => Digest::from_parts(&digest.hash, size_bytes),
        Err(_) => format!("{}/{}", digest.hash, digest.size_bytes).parse(),
    }
}

const READ_BUFFER_BYTES: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_digest_is_the_digest_of_nothing() {
        assert_eq!(digest_of(b""), EMPTY);
    }

    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let mut hasher = Hasher::default();
        for piece in bytes.chunks(777) {
            hasher.update(piece);
        }
        assert_eq!(hasher.finish(), digest_of(&bytes));
        assert_eq!(digest_of_reader(&mut bytes.as_slice()).expect("memory can be read"), digest_of(&bytes));
    }

    #[test]
    fn digests_read_back_from_the_api_and_bad_ones_are_refused() {
        let digest = digest_of(b"abc");
        assert_eq!(from_reapi(&to_reapi(&digest)), Ok(digest));
        let negative = reapi::Digest { size_bytes: -1, ..to_reapi(&digest) };
        assert!(from_reapi(&negative).is_err());
        let upper = reapi::Digest { hash: digest.hash_hex().to_uppercase(), size_bytes: 3 };
        assert!(from_reapi(&upper).is_err());
    }
}
