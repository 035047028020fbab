//! [`Listing`]: what is in a directory, before its files are read.

use muster_common::limits::WORKSPACE_ENTRIES_MAX;

use super::links::{self, Links};
use super::path::{PathError, TreePath};

/// What is in a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Everything that is to be taken, in no particular order. Parents of an entry need not be there.
    pub entries: Vec<Entry>,
    /// Paths of sockets, pipes and devices. They hold nothing that could be taken, so they are left out.
    pub left_out: Vec<String>,
}

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: TreePath,
    /// What it is.
    pub kind: EntryKind,
}

/// What something in a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link to this target.
    Link(String),
}

/// A directory could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Something in it could not be read.
    #[error("cannot read {path}")]
    Read {
        /// What.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A name in it cannot be written in a message.
    #[error("the name of {0} is not UTF-8; rename it, or name it in .musterignore")]
    NotUtf8(String),
    /// A link's target cannot be written in a message.
    #[error("the target of the symbolic link {0} is not UTF-8; change it, or name it in .musterignore")]
    TargetNotUtf8(String),
    /// A path in it cannot be in a workspace.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Links lead out of it.
    #[error(
        "symbolic links lead out of the workspace: {}; jobs could not follow them on another machine, so make them relative \
         or name them in .musterignore",
        .0.join(", ")
    )]
    LinksEscape(Vec<String>),
    /// There is too much in it.
    #[error("{path} has more than {entries_max} files and folders; name what jobs do not need in .musterignore")]
    TooMany {
        /// The directory.
        path: String,
        /// The bound.
        entries_max: usize,
    },
    /// A pattern is not one.
    #[error("`{pattern}` is not a pattern of files: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No file was found by any pattern.
    #[error("no file matches {}", .0.join(" or "))]
    NothingFound(Vec<String>),
}

impl Listing {
    /// Adds an entry.
    ///
    /// # Errors
    /// If there are too many; `root` names the directory in the error.
    pub(crate) fn push(&mut self, entry: Entry, root: &std::path::Path) -> Result<(), ListError> {
        if self.entries.len() == WORKSPACE_ENTRIES_MAX {
            return Err(ListError::TooMany { path: root.display().to_string(), entries_max: WORKSPACE_ENTRIES_MAX });
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Refuses links that lead out of the directory.
    ///
    /// # Errors
    /// If there are any; it names the first of them.
    pub(crate) fn check_links(&self) -> Result<(), ListError> {
        let links: Links = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.kind {
                EntryKind::Link(target) => Some((entry.path.clone(), target.clone())),
                EntryKind::Directory | EntryKind::File => None,
            })
            .collect();
        let escaping = links::escaping(&links);
        if escaping.is_empty() {
            return Ok(());
        }
        let mut named: Vec<String> =
            escaping.iter().take(LINKS_NAMED_MAX).map(|(path, target)| format!("{path} -> {target}")).collect();
        if escaping.len() > LINKS_NAMED_MAX {
            named.push(format!("and {} more", escaping.len() - LINKS_NAMED_MAX));
        }
        Err(ListError::LinksEscape(named))
    }
}

const LINKS_NAMED_MAX: usize = 10;
