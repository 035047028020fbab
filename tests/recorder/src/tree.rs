//! The names of files and directories.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use crate::event::{Event, Name, NodeId, NodeKind, ROOT};

/// Directories and what they name. A directory that nothing names any more keeps its entries, and is out of sight.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    directories: HashMap<NodeId, BTreeMap<String, NodeId>>,
}

impl Tree {
    /// The empty root.
    pub(crate) fn new() -> Self {
        Self { directories: HashMap::from([(ROOT, BTreeMap::new())]) }
    }

    /// Makes a node known, without a name.
    pub(crate) fn add(&mut self, node: NodeId, kind: NodeKind) {
        if kind == NodeKind::Directory {
            self.directories.entry(node).or_default();
        }
    }

    /// Carries out an event that is about names; others change nothing.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Create { name, node, kind } => {
                self.add(*node, *kind);
                self.set(name, Some(*node));
            }
            Event::Rename { from, to } => {
                let node = self.get(from);
                self.set(from, None);
                self.set(to, node);
            }
            Event::Remove { name } => self.set(name, None),
            Event::Write { .. }
            | Event::Resize { .. }
            | Event::SyncBegun { .. }
            | Event::SyncEnded { .. }
            | Event::Note(_)
            | Event::Ended => {}
        }
    }

    /// What has this name.
    pub(crate) fn get(&self, name: &Name) -> Option<NodeId> {
        self.directories.get(&name.directory)?.get(&name.name).copied()
    }

    /// It is a directory, whether it has a name or not.
    pub(crate) fn is_directory(&self, node: NodeId) -> bool {
        self.directories.contains_key(&node)
    }

    /// What is found at a path beneath the root.
    pub(crate) fn resolve(&self, path: &Path) -> Option<NodeId> {
        path.components().try_fold(ROOT, |directory, part| match part {
            Component::Normal(name) => self.directories.get(&directory)?.get(name.to_str()?).copied(),
            Component::CurDir => Some(directory),
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => None,
        })
    }

    /// All that can be reached from the root, directories before what is in them.
    pub(crate) fn walk(&self) -> Vec<(PathBuf, NodeId, NodeKind)> {
        let mut found = Vec::new();
        self.walk_into(Path::new(""), ROOT, &mut found);
        found
    }

    fn walk_into(&self, path: &Path, directory: NodeId, found: &mut Vec<(PathBuf, NodeId, NodeKind)>) {
        for (name, &node) in self.directories.get(&directory).into_iter().flatten() {
            let path = path.join(name);
            if self.directories.contains_key(&node) {
                found.push((path.clone(), node, NodeKind::Directory));
                self.walk_into(&path, node, found);
            } else {
                found.push((path, node, NodeKind::File));
            }
        }
    }

    fn set(&mut self, name: &Name, node: Option<NodeId>) {
        let directory = self.directories.entry(name.directory).or_default();
        match node {
            Some(node) => drop(directory.insert(name.name.clone(), node)),
            None => drop(directory.remove(&name.name)),
        }
    }
}
