//! Places in which builds stay warm.
//!
//! Cargo knows a path dependency by its absolute path, and finds what it has built in its target directory. So a build
//! gets the same folder whenever this agent builds for the same project again: `builds/<project>-<n>`, with the workspace
//! and the target directory in it. Two builds of one project at one time get two folders. The workspace stays when the
//! build has ended: tests find files by paths that the compiler has written into them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The build places of an agent.
#[derive(Clone, Debug)]
pub(crate) struct BuildHomes {
    folder: PathBuf,
    taken: Arc<Mutex<BTreeSet<PathBuf>>>,
}

/// A build place, held until it is dropped.
#[derive(Debug)]
pub(crate) struct BuildHome {
    path: PathBuf,
    taken: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl BuildHomes {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, taken: Arc::default() }
    }

    /// A place for a build of `project` that nobody uses.
    pub(crate) fn take(&self, project: &str) -> BuildHome {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let name = folder_name(project);
        let mut number = 1_u32;
        let path = loop {
            let path = self.folder.join(format!("{name}-{number}"));
            if taken.insert(path.clone()) {
                break path;
            }
            number += 1;
        };
        BuildHome { path, taken: Arc::clone(&self.taken) }
    }
}

impl BuildHome {
    /// Where the workspace is.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.path.join("workspace")
    }

    /// Where compilers keep what they have built.
    pub(crate) fn target(&self) -> PathBuf {
        self.path.join("target")
    }
}

impl Drop for BuildHome {
    fn drop(&mut self) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
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

const NAME_LETTERS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

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
}
