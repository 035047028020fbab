//! Places in which builds stay warm, and in which their tests find what they look for.
//!
//! Cargo knows a path dependency by its absolute path, and finds what it has built in its target directory. So a build
//! gets the same folder whenever it is built for the same project again: `builds/<project>-<n>`, with the workspace and the
//! target directory in it. Two builds of one project at one time get two folders.
//!
//! Compilers write such paths into tests too (`env!("CARGO_MANIFEST_DIR")`). So tests run in the folder in which they were
//! built: where that agent has run it is still there, and an agent that has the same directory on another machine lays it
//! out again. Shards that need the same files share it.
//!
//! Agents of one machine may share the folder of all places, so what keeps them apart are locks of the file system.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use muster_common::digest::Digest;
use muster_service::workspace::remove_tree;
use nix::fcntl::{Flock, FlockArg};

/// What lies in a workspace: the roots of its layers, with their folders.
pub(crate) type Layout = Vec<(Digest, String)>;

/// The folder of all build places.
#[derive(Clone, Debug)]
pub(crate) struct BuildHomes {
    folder: PathBuf,
}

/// A place, held until it is dropped: for one alone, or together with others that need the same files.
#[derive(Debug)]
pub(crate) struct BuildHome {
    path: PathBuf,
    lock: Flock<File>,
}

/// A place that is to be shared.
#[derive(Debug)]
pub(crate) enum Sharing {
    /// Its workspace holds the files that are needed.
    Ready(BuildHome),
    /// Its workspace is to be laid out; then [`BuildHome::open`] lets others in.
    Empty(BuildHome),
}

impl BuildHomes {
    /// The places in `folder`, which is made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.canonicalize()? })
    }

    /// A place for a build of `project`, for it alone. Its workspace counts as empty.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn take(&self, project: &str) -> io::Result<BuildHome> {
        let name = folder_name(project);
        for number in 1..=PLACES_PER_PROJECT_MAX {
            let path = self.folder.join(format!("{name}-{number}"));
            if let Some(home) = BuildHome::lock(path, FlockArg::LockExclusiveNonblock)? {
                fs::create_dir_all(&home.path)?;
                home.forget_layout()?;
                return Ok(home);
            }
        }
        Err(io::Error::other(format!("{PLACES_PER_PROJECT_MAX} builds of project `{project}` run on this machine")))
    }

    /// The place in whose workspace `directory` lies, for one more that needs the files of `layout`; none if it lies in no
    /// place of this folder, or a build or somebody who needs other files has it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn share(&self, directory: &Path, layout: &Layout) -> io::Result<Option<Sharing>> {
        let Some(path) = self.place_of(directory) else { return Ok(None) };
        let shared = BuildHome::lock(path.clone(), FlockArg::LockSharedNonblock)?;
        if let Some(home) = shared.filter(|home| home.is_laid(layout)) {
            return Ok(Some(Sharing::Ready(home)));
        }
        let Some(home) = BuildHome::lock(path, FlockArg::LockExclusiveNonblock)? else { return Ok(None) };
        fs::create_dir_all(&home.path)?;
        home.forget_layout()?;
        Ok(Some(Sharing::Empty(home)))
    }

    /// Removes places in which nothing was laid out for long. Blocks.
    ///
    /// # Errors
    /// If the folder cannot be read, or a place cannot be removed.
    pub(crate) fn remove_stale(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let status = entry.metadata()?;
            let age = status.modified()?.elapsed().unwrap_or_default();
            if !status.is_dir() || age < AGE_MAX {
                continue;
            }
            if let Some(home) = BuildHome::lock(entry.path(), FlockArg::LockExclusiveNonblock)? {
                remove_tree(&home.path)?;
            }
        }
        Ok(())
    }

    fn place_of(&self, directory: &Path) -> Option<PathBuf> {
        let mut inner = directory.strip_prefix(&self.folder).ok()?.components();
        let (Some(Component::Normal(name)), Some(Component::Normal(workspace))) = (inner.next(), inner.next()) else {
            return None;
        };
        let is_plain = inner.all(|component| matches!(component, Component::Normal(_)));
        (is_plain && workspace == WORKSPACE).then(|| self.folder.join(name))
    }
}

impl BuildHome {
    /// Where the workspace is.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.path.join(WORKSPACE)
    }

    /// Where compilers keep what they have built.
    pub(crate) fn target(&self) -> PathBuf {
        self.path.join("target")
    }

    /// Its workspace holds `layout` from now on.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub(crate) fn set_layout(&self, layout: &Layout) -> io::Result<()> {
        fs::write(self.path.join(LAYOUT), text_of(layout))
    }

    /// Lets others in that need the files of `layout`, which lie in it. Returns whether it is still this holder's as well:
    /// somebody else may have taken it in between.
    ///
    /// # Errors
    /// If the lock cannot be changed.
    pub(crate) fn open(&self, layout: &Layout) -> io::Result<bool> {
        match self.lock.relock(FlockArg::LockSharedNonblock) {
            Ok(()) => Ok(self.is_laid(layout)),
            Err(nix::errno::Errno::EWOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn is_laid(&self, layout: &Layout) -> bool {
        let is_known = fs::read_to_string(self.path.join(LAYOUT)).is_ok_and(|text| text == text_of(layout));
        is_known && self.workspace().is_dir()
    }

    fn forget_layout(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join(LAYOUT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// The place at `path`, unless somebody has it in a way that forbids this.
    fn lock(path: PathBuf, how: FlockArg) -> io::Result<Option<Self>> {
        let mut file = path.clone().into_os_string();
        file.push(".lock");
        match Flock::lock(File::create(file)?, how) {
            Ok(lock) => Ok(Some(Self { path, lock })),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(error.into()),
        }
    }
}

fn text_of(layout: &Layout) -> String {
    layout.iter().map(|(digest, path)| format!("{digest} {path}\n")).collect()
}

/// A project's name as the name of a folder: readable where it can be, and different for different projects.
fn folder_name(project: &str) -> String {
    let readable: String = project
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' })
        .take(NAME_LETTERS_MAX)
        .collect();
    format!("{readable}-{:08x}", crc32fast::hash(project.as_bytes()))
}

const WORKSPACE: &str = "workspace";
const LAYOUT: &str = "layout";
const NAME_LETTERS_MAX: usize = 40;
const PLACES_PER_PROJECT_MAX: u32 = 1_024;
const AGE_MAX: Duration = Duration::from_secs(14 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(byte: u8) -> Layout {
        vec![(Digest { hash: [byte; 32], size_bytes: 1 }, String::new())]
    }

    fn lay_out(home: &BuildHome, byte: u8) -> io::Result<()> {
        fs::create_dir_all(home.workspace())?;
        home.set_layout(&layout(byte))
    }

    #[test]
    fn a_project_comes_back_to_its_place_unless_it_is_taken() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (homes, other_agent) = (BuildHomes::new(folder.path())?, BuildHomes::new(folder.path())?);
        let first = homes.take("acme/app")?;
        let place = first.workspace();
        assert_ne!(other_agent.take("acme/app")?.workspace(), place);
        drop(first);
        assert_eq!(other_agent.take("acme/app")?.workspace(), place);
        assert_ne!(homes.take("acme_app")?.workspace(), place);
        assert!(homes.take("../../etc")?.workspace().starts_with(folder.path().canonicalize()?));
        Ok(())
    }

    #[test]
    fn shards_share_a_place_for_the_same_files_only() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let homes = BuildHomes::new(folder.path())?;
        let build = homes.take("app")?;
        let directory = build.workspace().join("crates/a");
        assert!(homes.share(&directory, &layout(1))?.is_none(), "a build has it");
        lay_out(&build, 1)?;
        drop(build);
        let one = homes.share(&directory, &layout(1))?;
        assert!(matches!(one, Some(Sharing::Ready(_))), "as the build has left it");
        assert!(matches!(homes.share(&directory, &layout(1))?, Some(Sharing::Ready(_))));
        assert!(homes.share(&directory, &layout(2))?.is_none(), "others need other files");
        assert!(!directory.starts_with(homes.take("app")?.workspace()), "a build does not take it away");
        drop(one);
        let Some(Sharing::Empty(home)) = homes.share(&directory, &layout(2))? else { panic!("nobody has it") };
        assert!(homes.share(&directory, &layout(2))?.is_none(), "it is being laid out");
        lay_out(&home, 2)?;
        assert!(home.open(&layout(2))?);
        assert!(matches!(homes.share(&directory, &layout(2))?, Some(Sharing::Ready(_))));
        Ok(())
    }

    #[test]
    fn directories_elsewhere_are_nobodys_place() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let homes = BuildHomes::new(folder.path())?;
        let inside = |path: &str| folder.path().join(path);
        for directory in
            [inside("../etc"), inside(""), inside("a"), inside("a/target"), inside("a/workspace/../.."), "/etc".into()]
        {
            assert!(homes.share(&directory, &layout(1))?.is_none(), "{}", directory.display());
        }
        Ok(())
    }
}
