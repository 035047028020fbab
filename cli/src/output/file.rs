//! [`OutputFile`]: a file that is there as a whole or not at all, and is known to be writable before the run begins.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Where something that is made of a report goes.
#[derive(Clone, Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    what: &'static str,
}

impl OutputFile {
    /// Makes sure that `path` can be written, and makes the folders above it.
    /// `what` is what people call it.
    pub(crate) fn check(path: &Path, what: &'static str) -> Result<Self, Failure> {
        let file = Self { path: path.to_owned(), what };
        file.try_out()
            .map_err(|error| Failure::usage(format!("cannot write the {what} {}", path.display())).because(error))?;
        Ok(file)
    }

    /// Puts `content` there, in place of what was there.
    pub(crate) fn write(&self, content: &[u8]) -> Result<(), Failure> {
        let written = if self.is_special() { fs::write(&self.path, content) } else { self.replace(content) };
        written.map_err(|error| {
            Failure::infrastructure(format!("cannot write the {} {}", self.what, self.path.display())).because(error)
        })
    }

    fn try_out(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if self.path.file_name().is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it names no file"));
        }
        if self.is_special() {
            return fs::OpenOptions::new().write(true).open(&self.path).map(|_| ());
        }
        fs::create_dir_all(self.folder())?;
        self.temporary().map(|_| ())
    }

    fn replace(&self, content: &[u8]) -> io::Result<()> {
        let mut temporary = self.temporary()?;
        temporary.write_all(content)?;
        temporary.persist(&self.path)?;
        Ok(())
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(".muster-")
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(self.folder())
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Whether it is a pipe or a device, such as `/dev/stdout`, which cannot be replaced.
    fn is_special(&self) -> bool {
        self.path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_folders_are_made() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a/b/junit.xml");
        let file = OutputFile::check(&path, "JUnit file").expect("a temporary folder can be written");
        assert!(!path.exists());
        for content in ["one", "two"] {
            file.write(content.as_bytes()).expect("it was tried out");
            assert_eq!(fs::read_to_string(&path)?, content);
        }
        assert_eq!(fs::read_dir(folder.path().join("a/b"))?.count(), 1);
        Ok(())
    }

    #[test]
    fn what_cannot_be_written_is_found_before_the_run() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::write(folder.path().join("file"), "").expect("it can be written");
        for path in [folder.path().to_owned(), folder.path().join("file/x.xml"), PathBuf::from("/proc/x.xml")] {
            assert!(OutputFile::check(&path, "JUnit file").is_err(), "{}", path.display());
        }
    }
}
