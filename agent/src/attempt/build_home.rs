//! Places in which builds stay warm, and in which their tests find what they look for.
//!
//! Cargo knows a path dependency by its absolute path, and finds what it has built in its target directory. So a build
//! gets the same folder whenever this agent builds for the same project again: `builds/<project>-<n>`, with the workspace
//! and the target directory in it. Two builds of one project at one time get two folders.
//!
//! Compilers write such paths into tests too (`env!("CARGO_MANIFEST_DIR")`). So tests run in the folder in which they were
//! built: on the same agent it is still there, and on another agent with the same directory it is laid out again, shared
//! by the shards that need the same files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use muster_common::digest::Digest;
use tokio::sync::Mutex as AsyncMutex;

/// What lies in a workspace: the roots of its layers, with their folders.
pub(crate) type Layout = Vec<(Digest, String)>;

/// The build places of an agent.
#[derive(Clone, Debug)]
pub(crate) struct BuildHomes {
    folder: PathBuf,
    table: Table,
}

/// A place, held until it is dropped: for one build alone, or for shards that need the same files.
#[derive(Debug)]
pub(crate) struct BuildHome {
    path: PathBuf,
    layout: Laid,
    table: Table,
}

/// What is laid out, if it is known. Locked while somebody lays it out.
pub(crate) type Laid = Arc<AsyncMutex<Option<Layout>>>;

type Table = Arc<Mutex<BTreeMap<PathBuf, Place>>>;

#[derive(Debug, Default)]
struct Place {
    layout: Laid,
    users: usize,
    /// What those who share it need; none: it is free or a build has it alone.
    shared_for: Option<Layout>,
}

impl BuildHomes {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, table: Arc::default() }
    }

    /// A place for a build of `project` that nobody uses.
    pub(crate) fn take(&self, project: &str) -> BuildHome {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let name = folder_name(project);
        let mut number = 1_u32;
        loop {
            let path = self.folder.join(format!("{name}-{number}"));
            let place = table.entry(path.clone()).or_default();
            if place.users == 0 {
                place.users = 1;
                place.shared_for = None;
                return self.home(path, place);
            }
            number += 1;
        }
    }

    /// The place in whose workspace `directory` lies, for one more that needs the files of `layout`; none if it lies in no
    /// place of this agent's, or others use it with other files.
    pub(crate) fn share(&self, directory: &Path, layout: &Layout) -> Option<BuildHome> {
        let path = self.place_of(directory)?;
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let place = table.entry(path.clone()).or_default();
        if place.users > 0 && place.shared_for.as_ref() != Some(layout) {
            return None;
        }
        place.users += 1;
        place.shared_for = Some(layout.clone());
        Some(self.home(path, place))
    }

    fn home(&self, path: PathBuf, place: &Place) -> BuildHome {
        BuildHome { path, layout: Arc::clone(&place.layout), table: Arc::clone(&self.table) }
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

    /// What is laid out.
    pub(crate) fn laid(&self) -> Laid {
        Arc::clone(&self.layout)
    }
}

impl Drop for BuildHome {
    fn drop(&mut self) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = table.get_mut(&self.path) {
            place.users = place.users.saturating_sub(1);
        }
    }
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
const NAME_LETTERS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(byte: u8) -> Layout {
        vec![(Digest { hash: [byte; 32], size_bytes: 1 }, String::new())]
    }

    #[test]
    fn a_project_comes_back_to_its_place_unless_it_is_taken() {
        let homes = BuildHomes::new(PathBuf::from("/builds"));
        let first = homes.take("acme/app");
        let place = first.workspace();
        let second = homes.take("acme/app");
        assert_ne!(second.workspace(), place);
        drop(first);
        assert_eq!(homes.take("acme/app").workspace(), place);
        assert_ne!(homes.take("acme_app").workspace(), place);
        assert!(homes.take("../../etc").workspace().starts_with("/builds"));
    }

    #[test]
    fn shards_share_a_place_for_the_same_files_only() {
        let homes = BuildHomes::new(PathBuf::from("/builds"));
        let build = homes.take("app");
        let directory = build.workspace().join("crates/a");
        assert!(homes.share(&directory, &layout(1)).is_none(), "a build has it");
        drop(build);
        let one = homes.share(&directory, &layout(1)).expect("it is free");
        let other = homes.share(&directory, &layout(1)).expect("the same files");
        assert_eq!(one.workspace(), other.workspace());
        assert!(homes.share(&directory, &layout(2)).is_none(), "other files");
        assert_ne!(homes.take("app").workspace(), one.workspace());
        drop((one, other));
        assert!(homes.share(&directory, &layout(2)).is_some());
    }

    #[test]
    fn directories_elsewhere_are_nobodys_place() {
        let homes = BuildHomes::new(PathBuf::from("/builds"));
        for directory in [
            "/etc",
            "/builds",
            "/builds/a",
            "/builds/a/target",
            "/builds/../etc/workspace",
            "/builds/a/workspace/../..",
        ] {
            assert!(homes.share(Path::new(directory), &layout(1)).is_none(), "{directory}");
        }
    }
}
