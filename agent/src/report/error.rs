//! Why a result file cannot be read.

/// A report cannot be read. It says nothing then: half a report says nothing of the tests in its other half.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file cannot be opened or read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// It is longer than [`FILE_BYTES_MAX`].
    #[error("the file is longer than {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// It is not a whole report.
    #[error("line {line}, column {column}: {what}")]
    Broken {
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
}

impl ReportError {
    /// Broken at a byte of `bytes`.
    pub(super) fn at_byte(bytes: &[u8], place: usize, what: impl Into<String>) -> Self {
        let before = &bytes[..place.min(bytes.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Self::Broken { line, column: before.len() - line_start + 1, what: what.into() }
    }

    /// Broken somewhere in a line, counted from 1.
    pub(super) fn at_line(line: usize, what: impl Into<String>) -> Self {
        Self::Broken { line, column: 1, what: what.into() }
    }
}

/// Longest file that is read.
pub const FILE_BYTES_MAX: u64 = 512 << 20;
