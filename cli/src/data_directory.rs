//! Where the coordinator inside this process keeps its data: a directory of each project's own, one process at a time.

use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use muster_service::blob::content::digest_of;
use nix::fcntl::{Flock, FlockArg};

use crate::failure::Failure;

/// A directory that this process alone uses, until this is dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    is_first_choice: bool,
    _lock: Flock<File>,
}

impl DataDirectory {
    /// The directory that was asked for.
    pub(crate) fn given(path: &Path) -> Result<Self, Failure> {
        let failure =
            |error| Failure::usage(format!("cannot use the data directory {}", path.display())).because(error);
        match lock(path).map_err(failure)? {
            Some(lock) => Ok(Self { path: absolute(path), is_first_choice: false, _lock: lock }),
            None => Err(Failure::infrastructure(format!("another muster uses the data directory {}", path.display()))
                .advise("wait for it, or name another one with --data DIR")),
        }
    }

    /// That of the project at `project`. If another muster uses it, the next one beside it.
    pub(crate) fn of_project(project: &Path) -> Result<Self, Failure> {
        let first = state_home()?.join("muster").join(name_of(project));
        for number in 1..=DIRECTORIES_PER_PROJECT_MAX {
            let path = if number == 1 { first.clone() } else { first.with_added_extension(number.to_string()) };
            let locked = lock(&path).map_err(|error| {
                Failure::infrastructure(format!("cannot use the data directory {}", path.display()))
                    .because(error)
                    .advise("name another one with --data DIR, or set XDG_STATE_HOME")
            })?;
            if let Some(lock) = locked {
                return Ok(Self { path, is_first_choice: number == 1, _lock: lock });
            }
        }
        Err(Failure::infrastructure(format!(
            "{DIRECTORIES_PER_PROJECT_MAX} other musters run on {}; wait for one of them to end",
            project.display()
        )))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What has to be added to a command that is run in the folder `current` for it to use the same data.
    pub(crate) fn more(&self, project: &Path, current: &Path) -> String {
        if self.is_first_choice && project == current {
            String::new()
        } else {
            format!(" --data {}", crate::output::human::quoted(&self.path.display().to_string()))
        }
    }
}

/// Creates and locks `path`; none if another process holds it.
fn lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    fs::create_dir_all(path)?;
    let file = File::options().create(true).truncate(false).write(true).open(path.join("in-use"))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error.into()),
    }
}

fn state_home() -> Result<PathBuf, Failure> {
    let is_usable = |path: &PathBuf| path.is_absolute();
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(is_usable);
    let home = || std::env::home_dir().filter(is_usable).map(|home| home.join(".local/state"));
    given.or_else(home).ok_or_else(|| {
        Failure::usage("there is no home directory to keep data in").advise("name a directory with --data DIR")
    })
}

/// The folder's name, for people, and a part of its path's digest, to tell it from others of that name.
fn name_of(project: &Path) -> String {
    let digest = digest_of(project.as_os_str().as_bytes()).hash_hex();
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let name: String =
        project.file_name().unwrap_or_default().to_string_lossy().chars().filter(is_plain).take(40).collect();
    format!("{name}-{}", &digest[..12])
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

const DIRECTORIES_PER_PROJECT_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_used_by_one_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let held = DataDirectory::given(folder.path()).expect("nobody uses it");
        assert!(DataDirectory::given(folder.path()).is_err());
        drop(held);
        assert!(DataDirectory::given(folder.path()).is_ok());
    }

    #[test]
    fn two_projects_of_one_name_are_told_apart() {
        assert_ne!(name_of(Path::new("/a/shop")), name_of(Path::new("/b/shop")));
        assert!(name_of(Path::new("/a/my shop")).starts_with("myshop-"));
    }
}
