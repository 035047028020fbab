//! The name of content: a hash and a size, as in the Bazel Remote Execution API v2.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// SHA-256 of some bytes, with their number. Shown and parsed as `<64 hex digits>/<size>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    /// SHA-256 of the content.
    pub hash: [u8; 32],
    /// Length of the content in bytes.
    pub size_bytes: u64,
}

/// Text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest of the form <64 lower-case hex digits>/<size in bytes>")]
pub struct ParseDigestError(String);

impl Digest {
    /// The hash as 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.hash {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16"));
            }
        }
        text
    }

    /// A digest from its two parts as the Remote Execution API writes them.
    ///
    /// # Errors
    /// If `hash_hex` is not exactly 64 lower-case hexadecimal digits.
    pub fn from_parts(hash_hex: &str, size_bytes: u64) -> Result<Self, ParseDigestError> {
        let error = || ParseDigestError(format!("{hash_hex}/{size_bytes}"));
        let digits = hash_hex.as_bytes();
        if digits.len() != 64 {
            return Err(error());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let high = lower_hex(pair[0]).ok_or_else(error)?;
            let low = lower_hex(pair[1]).ok_or_else(error)?;
            *byte = high << 4 | low;
        }
        Ok(Self { hash, size_bytes })
    }
}

fn lower_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hash_hex(), self.size_bytes)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDigestError(text.to_owned());
        let (hash, size) = text.split_once('/').ok_or_else(error)?;
        Self::from_parts(hash, size.parse().map_err(|_| error())?)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "SHA-256 and size in bytes of a blob",
            "pattern": "^[0-9a-f]{64}/[0-9]+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_from_its_text_and_nothing_else_does() {
        let digest = Digest { hash: [0xa7; 32], size_bytes: 12 };
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for text in ["", "a7", "a7/12", &format!("{}/x", "a7".repeat(32)), &format!("{}/1", "A7".repeat(32))] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
