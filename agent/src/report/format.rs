//! The format of a result file, and the door to its reader.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use muster_common::spec::ResultFormat;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use super::case::Case;
use super::error::{FILE_BYTES_MAX, ReportError};
use super::{ctrf, go_test, junit, libtest, tap};

/// Reads the report in `file`, which lies beneath `directory`: a job that has put a link there to what only the agent may
/// read has it read nothing.
///
/// # Errors
/// If it cannot be read, leads out of the directory, or is not a whole report.
pub fn read_file(format: ResultFormat, directory: &Path, file: &Path) -> Result<Vec<Case>, ReportError> {
    let mut bytes = Vec::new();
    open_beneath(directory, file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReportError::TooLong);
    }
    read(format, &bytes)
}

fn open_beneath(directory: &Path, file: &Path) -> io::Result<File> {
    let relative = file.strip_prefix(directory).map_err(io::Error::other)?;
    let directory = File::open(directory)?;
    // A pipe without a writer must not make the agent wait.
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    Ok(File::from(openat2(directory, relative, how)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_within_the_directory_alone() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let directory = folder.path().join("workspace");
        std::fs::create_dir(&directory)?;
        for (place, link) in [("secret", "../secret"), ("workspace/own", "own")] {
            std::fs::write(folder.path().join(place), "1..1\nok 1 - a\n")?;
            std::os::unix::fs::symlink(link, directory.join(format!("to-{}", link.trim_matches(['.', '/']))))?;
        }
        let read = |name: &str| read_file(ResultFormat::Tap, &directory, &directory.join(name));
        assert_eq!(read("to-own").map_or(0, |cases| cases.len()), 1);
        assert!(matches!(read("to-secret"), Err(ReportError::Unreadable(_))), "it leads out");
        Ok(())
    }
}
