//! A report as a file: JSON, with one job or test a line.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Write};
use std::path::Path;

use serde::Serialize as _;
use serde_json::ser::Formatter;

use super::document::{Document, FORMAT};

/// A file is no report that can be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It is longer than a report can be.
    #[error("it has more than {REPORT_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// It is damaged, or holds something that no report holds.
    #[error("it is not a whole report: {0}")]
    Content(#[source] serde_json::Error),
    /// It is of another form.
    #[error("its format is `{found}`, and this muster knows `{FORMAT}`")]
    Format {
        /// What it says.
        found: String,
    },
}

/// Reads the report at `path`. Keys that are unknown or come twice are refused: two readers might see two things.
pub(crate) fn read(path: &Path) -> Result<Document, ReadError> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    let mut bytes = Vec::new();
    BufReader::new(file).take(REPORT_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > REPORT_FILE_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    parse(&bytes)
}

/// The report that these bytes are.
pub(super) fn parse(bytes: &[u8]) -> Result<Document, ReadError> {
    let document: Document = serde_json::from_slice(bytes).map_err(ReadError::Content)?;
    if document.format == FORMAT { Ok(document) } else { Err(ReadError::Format { found: document.format }) }
}

/// The bytes of the file.
pub(crate) fn to_bytes(document: &Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Lines::default());
    document.serialize(&mut serializer).expect("records of texts and numbers can be written to memory");
    bytes.push(b'\n');
    bytes
}

/// A line for each part of the report, and for each job and test in it.
#[derive(Default)]
struct Lines {
    depth: usize,
}

impl Lines {
    fn open<W: ?Sized + Write>(&mut self, out: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth += 1;
        out.write_all(sign)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < LINES_DEPTH {
            out.write_all(b"\n")?;
        }
        out.write_all(sign)
    }

    fn next<W: ?Sized + Write>(&self, out: &mut W, is_first: bool) -> io::Result<()> {
        if !is_first {
            out.write_all(b",")?;
        }
        if self.depth <= LINES_DEPTH {
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, is_first: bool) -> io::Result<()> {
        self.next(out, is_first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, is_first: bool) -> io::Result<()> {
        self.next(out, is_first)
    }
}

/// Objects and arrays inside one another that have their parts on lines of their own.
const LINES_DEPTH: usize = 2;
/// A million tests with a few long tries.
const REPORT_FILE_BYTES_MAX: u64 = 8 << 30;
