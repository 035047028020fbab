//! The format of a result file, and the door to its reader.

use std::io::Read;
use std::path::Path;

use muster_common::spec::ResultFormat;

use super::case::Case;
use super::error::{FILE_BYTES_MAX, ReportError};
use super::{ctrf, go_test, junit, libtest, tap};

/// Reads the report in `file`.
///
/// # Errors
/// If it cannot be read, or is not a whole report.
pub fn read_file(format: ResultFormat, file: &Path) -> Result<Vec<Case>, ReportError> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReportError::TooLong);
    }
    read(format, &bytes)
}

/// Reads a report.
///
/// # Errors
/// If it is not a whole report; never panics, whatever the bytes are.
pub fn read(format: ResultFormat, bytes: &[u8]) -> Result<Vec<Case>, ReportError> {
    match format {
        ResultFormat::Junit => junit::read(bytes),
        ResultFormat::Tap => tap::read(bytes),
        ResultFormat::Ctrf => ctrf::read(bytes),
        ResultFormat::GoTest => go_test::read(bytes),
        ResultFormat::Libtest => libtest::read(bytes),
    }
}
