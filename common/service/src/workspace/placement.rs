//! [`Placer`]: puts the files and links of a plan where they belong.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};

use muster_common::digest::Digest;

use super::cache::{BlobCache, LinkedFile};
use super::fetch::NearContent;
use super::materialise::{MaterialiseError, Placement};
use super::path::TreePath;
use super::plan::{Plan, Planned};
use super::root::{Directory, Root};

/// Puts what a plan says beneath a root. Its methods block and may be called from several threads at one time.
#[derive(Debug)]
pub(crate) struct Placer {
    root: Root,
    cache: BlobCache,
    directories: Vec<TreePath>,
    files: HashMap<Digest, Vec<Destination>>,
    links: Vec<(TreePath, String)>,
}

#[derive(Debug)]
struct Destination {
    path: TreePath,
    is_executable: bool,
    placement: Placement,
}

impl Placer {
    pub(crate) fn new(root: Root, cache: BlobCache, plan: Plan) -> Self {
        let mut placer = Self { root, cache, directories: Vec::new(), files: HashMap::new(), links: Vec::new() };
        for (path, planned) in plan.into_entries() {
            match planned {
                Planned::Directory => placer.directories.push(path),
                Planned::File(file, placement) => {
                    let destination = Destination { path, is_executable: file.is_executable, placement };
                    placer.files.entry(file.digest).or_default().push(destination);
                }
                Planned::Link(target) => placer.links.push((path, target)),
            }
        }
        placer
    }

    /// The contents that are needed, each once.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.files.keys().copied().collect()
    }

    /// Number of files, and the bytes of all of them.
    pub(crate) fn size(&self) -> (u64, u64) {
        let count = |destinations: &Vec<Destination>| destinations.len() as u64;
        let files = self.files.values().map(count).sum();
        let bytes = self.files.iter().map(|(digest, destinations)| digest.size_bytes * count(destinations)).sum();
        (files, bytes)
    }

    /// Makes all directories.
    pub(crate) fn make_directories(&self) -> Result<(), MaterialiseError> {
        let mut open: Option<(TreePath, Directory)> = None;
        for path in &self.directories {
            let error = |source| MaterialiseError::Write { path: path.clone(), source };
            let parent = path.parent().unwrap_or_default();
            let directory = match open.take() {
                Some((path, directory)) if path == parent => directory,
                Some(_) | None => self.root.directory(&parent).map_err(error)?,
            };
            directory.make_directory(path.name()).map_err(error)?;
            open = Some((parent, directory));
        }
        Ok(())
    }

    /// Makes every file that has this content.
    pub(crate) fn place(&self, digest: &Digest, mut content: NearContent) -> Result<(), MaterialiseError> {
        for destination in self.files.get(digest).into_iter().flatten() {
            self.place_one(digest, &mut content, destination)
                .map_err(|source| MaterialiseError::Write { path: destination.path.clone(), source })?;
        }
        Ok(())
    }

    /// Makes all symbolic links. To be called last: nothing is ever written where a link already is.
    pub(crate) fn make_links(&self) -> Result<(), MaterialiseError> {
        for (path, target) in &self.links {
            let made = self
                .root
                .directory(&path.parent().unwrap_or_default())
                .and_then(|directory| directory.create_link(path.name(), target));
            made.map_err(|source| MaterialiseError::Write { path: path.clone(), source })?;
        }
        Ok(())
    }

    fn place_one(&self, digest: &Digest, content: &mut NearContent, destination: &Destination) -> io::Result<()> {
        let Destination { path, is_executable, placement } = destination;
        let directory = self.root.directory(&path.parent().unwrap_or_default())?;
        let executable_bits = if *is_executable { 0o111 } else { 0 };
        let mode = match placement {
            Placement::Copy => 0o644 | executable_bits,
            Placement::Link => {
                let file = LinkedFile { directory: &directory, name: path.name(), is_executable: *is_executable };
                if digest.size_bytes > 0 && self.cache.link(digest, file)? {
                    return Ok(());
                }
                0o444 | executable_bits
            }
        };
        let mut file = directory.create_file(path.name(), mode)?;
        let copied = copy(content, &mut file)?;
        if copied == digest.size_bytes {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "its content in the cache has {copied} bytes instead of {}",
                digest.size_bytes
            )))
        }
    }
}

fn copy(content: &mut NearContent, file: &mut File) -> io::Result<u64> {
    match content {
        NearContent::Bytes(bytes) => file.write_all(bytes).map(|()| bytes.len() as u64),
        NearContent::File(source) => {
            source.rewind()?;
            // On Linux this is copy_file_range, which shares the blocks where the file system can.
            io::copy(source, file)
        }
    }
}
