//! [`Tree`]: a directory as `Directory` messages, each named by its digest; and such messages read back and checked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as reapi;
use bytes::Bytes;
use muster_common::digest::Digest;
use muster_common::limits::PATH_BYTES_MAX;
use prost::Message as _;

use super::hashing::{HashedFile, shown};
use super::listing::{Entry, EntryKind};
use super::path::{PathError, TreePath};
use super::root::Root;
use crate::blob::content::{digest_of, from_reapi, to_reapi};
use crate::blob::{BlobContent, BlobSource};

/// A directory of this machine as a Merkle tree. A source of all its blobs.
#[derive(Debug)]
pub struct Tree {
    /// Digest of the root's `Directory` message.
    pub root: Digest,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files; content that is there twice counts twice.
    pub bytes: u64,
    directories: HashMap<Digest, Bytes>,
    contents: HashMap<Digest, TreePath>,
    beneath: Arc<Root>,
}

impl Tree {
    /// The tree of `entries`, whose files were read as `hashed` says, in the same order. Folders on the way to an entry
    /// come to be by themselves.
    #[must_use]
    pub fn new(beneath: Arc<Root>, entries: &[Entry], hashed: &[Option<HashedFile>]) -> Self {
        let mut top = Node::default();
        let mut tree = Self {
            root: digest_of(b""),
            files: 0,
            bytes: 0,
            directories: HashMap::new(),
            contents: HashMap::new(),
            beneath,
        };
        for (entry, file) in entries.iter().zip(hashed) {
            if let Some(file) = file {
                tree.files += 1;
                tree.bytes += file.digest.size_bytes;
                tree.contents.entry(file.digest).or_insert_with(|| entry.path.clone());
            }
            top.insert(entry, file.as_ref());
        }
        tree.root = tree.add_directory(top);
        tree
    }

    /// Every blob of the tree once: its directories and its files' contents.
    #[must_use]
    pub fn digests(&self) -> Vec<Digest> {
        let all: HashSet<&Digest> = self.directories.keys().chain(self.contents.keys()).collect();
        all.into_iter().copied().collect()
    }

    /// Encodes a node after its children. No deeper than a path may be.
    fn add_directory(&mut self, node: Node) -> Digest {
        let directories = node
            .directories
            .into_iter()
            .map(|(name, child)| reapi::DirectoryNode { name, digest: Some(to_reapi(&self.add_directory(child))) })
            .collect();
        let message = reapi::Directory {
            files: node.files.into_values().collect(),
            directories,
            symlinks: node.links.into_values().collect(),
            node_properties: None,
        };
        let bytes = Bytes::from(message.encode_to_vec());
        let digest = digest_of(&bytes);
        self.directories.insert(digest, bytes);
        digest
    }
}

impl BlobSource for Tree {
    fn open(&self, digest: &Digest) -> io::Result<BlobContent> {
        if let Some(bytes) = self.directories.get(digest) {
            return Ok(BlobContent::Bytes(bytes.clone()));
        }
        match self.contents.get(digest) {
            Some(path) => self.beneath.file(path).map(BlobContent::File),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "it is no blob of this tree")),
        }
    }

    fn name(&self, digest: &Digest) -> String {
        match self.contents.get(digest) {
            Some(path) => shown(&self.beneath, path),
            None => format!("the directory {digest}"),
        }
    }
}

/// A `Directory` message of a tree that is not sound.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It is no such message.
    #[error("it is not a Directory message")]
    Decode(#[from] prost::DecodeError),
    /// A name in it could lead elsewhere.
    #[error(transparent)]
    Name(#[from] PathError),
    /// A name is in it twice.
    #[error("the name {0:?} is in it twice")]
    Twice(String),
    /// Something in it has no valid digest.
    #[error("its entry {0:?} has no valid digest")]
    Digest(String),
    /// A link's target cannot be one.
    #[error("the target of its symbolic link {0:?} is empty, too long or has a zero byte")]
    Target(String),
}

/// A directory that was read back. Its names are those of entries, and each is there once.
#[derive(Debug, Default)]
pub struct ReadDirectory {
    /// Files by name.
    pub files: Vec<(String, HashedFile)>,
    /// Directories by name.
    pub directories: Vec<(String, Digest)>,
    /// Targets of links by name.
    pub links: Vec<(String, String)>,
}

impl ReadDirectory {
    /// Number of names in it.
    pub(crate) fn names_count(&self) -> u64 {
        (self.files.len() + self.directories.len() + self.links.len()) as u64
    }

    /// Reads a `Directory` message and checks all that can be checked without the rest of the tree.
    ///
    /// # Errors
    /// If it is no such message, or anything in it is not sound.
    pub fn decode(bytes: &[u8]) -> Result<Self, DirectoryError> {
        let message = reapi::Directory::decode(bytes)?;
        let mut names = HashSet::new();
        let mut take = |name: &str| {
            TreePath::root().join(name)?;
            if names.insert(name.to_owned()) { Ok(()) } else { Err(DirectoryError::Twice(name.to_owned())) }
        };
        let mut directory = Self::default();
        for node in message.files {
            take(&node.name)?;
            let digest = parse_digest(node.digest.as_ref(), &node.name)?;
            directory.files.push((node.name, HashedFile { digest, is_executable: node.is_executable }));
        }
        for node in message.directories {
            take(&node.name)?;
            let digest = parse_digest(node.digest.as_ref(), &node.name)?;
            directory.directories.push((node.name, digest));
        }
        for node in message.symlinks {
            take(&node.name)?;
            if node.target.is_empty() || node.target.len() > PATH_BYTES_MAX || node.target.contains('\0') {
                return Err(DirectoryError::Target(node.name));
            }
            directory.links.push((node.name, node.target));
        }
        Ok(directory)
    }
}

fn parse_digest(digest: Option<&reapi::Digest>, name: &str) -> Result<Digest, DirectoryError> {
    digest.and_then(|digest| from_reapi(digest).ok()).ok_or_else(|| DirectoryError::Digest(name.to_owned()))
}

/// A directory under construction. Sorted by name, as the API's canonical form wants.
#[derive(Default)]
struct Node {
    files: BTreeMap<String, reapi::FileNode>,
    directories: BTreeMap<String, Node>,
    links: BTreeMap<String, reapi::SymlinkNode>,
}

impl Node {
    fn insert(&mut self, entry: &Entry, file: Option<&HashedFile>) {
        let name = entry.path.name().to_owned();
        let parent = entry.path.parent().unwrap_or_default();
        let mut node = self;
        for name in parent.names() {
            node = node.directories.entry(name.to_owned()).or_default();
        }
        match (&entry.kind, file) {
            (EntryKind::Directory, _) if name.is_empty() => {}
            (EntryKind::Directory, _) => {
                node.directories.entry(name).or_default();
            }
            (EntryKind::File, Some(file)) => {
                let digest = Some(to_reapi(&file.digest));
                let is_executable = file.is_executable;
                let message = reapi::FileNode { name: name.clone(), digest, is_executable, node_properties: None };
                node.files.insert(name, message);
            }
            (EntryKind::File, None) => {}
            (EntryKind::Link(target), _) => {
                let message = reapi::SymlinkNode { name: name.clone(), target: target.clone(), node_properties: None };
                node.links.insert(name, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> reapi::FileNode {
        reapi::FileNode { name: name.to_owned(), digest: Some(to_reapi(&digest_of(b"x"))), ..Default::default() }
    }

    fn refused(directory: &reapi::Directory) -> bool {
        ReadDirectory::decode(&directory.encode_to_vec()).is_err()
    }

    #[test]
    fn hostile_directories_are_refused() {
        for name in ["", ".", "..", "a/b", "/etc", "a\0b", "../x"] {
            assert!(refused(&reapi::Directory { files: vec![file(name)], ..Default::default() }), "{name:?}");
        }
        let link = |name: &str, target: &str| reapi::SymlinkNode {
            name: name.to_owned(),
            target: target.to_owned(),
            node_properties: None,
        };
        let twice = reapi::Directory { files: vec![file("a"), file("a")], ..Default::default() };
        let as_two = reapi::Directory { files: vec![file("a")], symlinks: vec![link("a", "b")], ..Default::default() };
        let no_digest =
            reapi::Directory { files: vec![reapi::FileNode { digest: None, ..file("a") }], ..Default::default() };
        let no_target = reapi::Directory { symlinks: vec![link("a", "")], ..Default::default() };
        let long_target = reapi::Directory { symlinks: vec![link("a", &"x".repeat(5_000))], ..Default::default() };
        for directory in [twice, as_two, no_digest, no_target, long_target] {
            assert!(refused(&directory), "{directory:?}");
        }
        assert!(ReadDirectory::decode(b"\xff\xff\xff").is_err());
        assert!(!refused(&reapi::Directory { files: vec![file("a"), file("..b")], ..Default::default() }));
    }
}
