//! The bytes over which a report's digest is: one way to write down each content.
//!
//! They are those of RFC 8785: JSON without spaces, the keys of every object in their order, no escapes in strings but
//! those that JSON demands. All numbers are whole, and written as decimal digits.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::document::{Document, JobRecord, RunRecord, TestRecord};

/// Everything but the digest.
#[derive(Serialize)]
struct Content<'a> {
    format: &'a str,
    jobs: &'a [JobRecord],
    run: &'a RunRecord,
    tests: &'a [TestRecord],
}

/// The digest that `document` has to have.
pub(super) fn digest(document: &Document) -> String {
    let Document { digest: _, format, jobs, run, tests } = document;
    let mut hash = Hash(Sha256::new());
    serde_json::to_writer(&mut hash, &Content { format, jobs, run, tests })
        .expect("records of texts and numbers can be written to a hash");
    format!("sha256:{}", hexadecimal(&hash.0.finalize()))
}

/// The digest of a discovery: SHA-256 over names, each followed by a zero byte.
pub(crate) fn names_sha256<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    hexadecimal(&hash.finalize())
}

/// Two lower-case digits for each byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

struct Hash(Sha256);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
