//! `Plan`: several trees laid over each other, read and checked before anything of them is made.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use muster_common::digest::Digest;
use muster_common::limits::{DIRECTORY_BYTES_MAX, WORKSPACE_BYTES_MAX, WORKSPACE_ENTRIES_MAX};

use super::cache::BlobCache;
use super::fetch::{NearContent, visit_each};
use super::hashing::HashedFile;
use super::links::{self, Links};
use super::materialise::{Layer, MaterialiseError, Placement};
use super::path::TreePath;
use super::tree::ReadDirectory;
use crate::blob::BlobClient;
use crate::blob::download::DownloadError;

/// What a directory is to hold in the end.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    entries: BTreeMap<TreePath, Planned>,
    bytes: u64,
}

/// What is to be at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Planned {
    /// A directory.
    Directory,
    /// A file, made in this way.
    File(HashedFile, Placement),
    /// A symbolic link to this target.
    Link(String),
}

impl Plan {
    /// Reads the trees of `layers` and lays each over those before it. Says also how many bytes were fetched for that.
    ///
    /// # Errors
    /// If a directory cannot be fetched or is not sound, a folder and a file would be at one place, a link leads out, or a
    /// limit is exceeded.
    pub(crate) async fn load(
        client: &BlobClient,
        cache: &BlobCache,
        layers: &[Layer],
    ) -> Result<(Self, u64), MaterialiseError> {
        let mut plan = Self::default();
        let mut fetched_bytes = 0;
        for layer in layers {
            let mut parent = TreePath::root();
            for name in layer.path.names() {
                parent = parent.join(name)?;
                plan.insert(parent.clone(), Planned::Directory)?;
            }
            let (directories, bytes) = read_tree(client, cache, layer.root).await?;
            fetched_bytes += bytes;
            plan.lay(layer, &directories)?;
        }
        plan.check_links()?;
        Ok((plan, fetched_bytes))
    }

    /// Everything in it, a folder before what is in it.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = (TreePath, Planned)> {
        self.entries.into_iter()
    }

    fn lay(&mut self, layer: &Layer, directories: &Directories) -> Result<(), MaterialiseError> {
        let mut open = vec![(layer.path.clone(), layer.root)];
        while let Some((path, digest)) = open.pop() {
            let directory = directories.get(&digest).ok_or(DownloadError::NotFound(digest))?;
            for (name, file) in &directory.files {
                self.bytes = self.bytes.saturating_add(file.digest.size_bytes);
                self.insert(path.join(name)?, Planned::File(*file, layer.placement))?;
            }
            for (name, target) in &directory.links {
                self.insert(path.join(name)?, Planned::Link(target.clone()))?;
            }
            for (name, child) in &directory.directories {
                let path = path.join(name)?;
                self.insert(path.clone(), Planned::Directory)?;
                open.push((path, *child));
            }
        }
        if self.bytes > WORKSPACE_BYTES_MAX {
            return Err(MaterialiseError::TooLarge { bytes_max: WORKSPACE_BYTES_MAX });
        }
        Ok(())
    }

    fn insert(&mut self, path: TreePath, planned: Planned) -> Result<(), MaterialiseError> {
        let is_directory = planned == Planned::Directory;
        let is_full = self.entries.len() == WORKSPACE_ENTRIES_MAX;
        match self.entries.get_mut(&path) {
            Some(before) if (*before == Planned::Directory) == is_directory => *before = planned,
            Some(_) => return Err(MaterialiseError::Conflict(path)),
            None if is_full => return Err(MaterialiseError::TooMany { entries_max: WORKSPACE_ENTRIES_MAX }),
            None => {
                self.entries.insert(path, planned);
            }
        }
        Ok(())
    }

    fn check_links(&self) -> Result<(), MaterialiseError> {
        let links: Links = self
            .entries
            .iter()
            .filter_map(|(path, planned)| match planned {
                Planned::Link(target) => Some((path.clone(), target.clone())),
                Planned::Directory | Planned::File(..) => None,
            })
            .collect();
        match links::escaping(&links).first() {
            Some((path, target)) => {
                Err(MaterialiseError::LinkEscapes { path: (*path).clone(), target: (*target).to_owned() })
            }
            None => Ok(()),
        }
    }
}

type Directories = HashMap<Digest, ReadDirectory>;

/// All directories of a tree, each read once, and how many bytes were fetched for that.
///
/// A few messages can stand for a huge tree, by naming the same directory again and again. So what the tree would have is
/// counted level by level, before any of it is laid out: how often each directory is on a level, times what is in it.
async fn read_tree(
    client: &BlobClient,
    cache: &BlobCache,
    root: Digest,
) -> Result<(Directories, u64), MaterialiseError> {
    let mut directories = Directories::new();
    let mut fetched_bytes = 0;
    let mut entries = 0_u64;
    let mut level = HashMap::from([(root, 1_u64)]);
    let mut depth = TreePath::root();
    while !level.is_empty() {
        let unread = level.keys().filter(|digest| !directories.contains_key(*digest)).copied().collect();
        fetched_bytes += read_directories(client, cache, unread, &mut directories).await?;
        let mut next: HashMap<Digest, u64> = HashMap::new();
        for (digest, times) in level {
            let directory = directories.get(&digest).ok_or(DownloadError::NotFound(digest))?;
            entries = entries.saturating_add(times.saturating_mul(directory.names_count()));
            for (_, child) in &directory.directories {
                let all_times = next.entry(*child).or_default();
                *all_times = all_times.saturating_add(times);
            }
        }
        if entries > WORKSPACE_ENTRIES_MAX as u64 {
            return Err(MaterialiseError::TooMany { entries_max: WORKSPACE_ENTRIES_MAX });
        }
        level = next;
        // No name is shorter: what is too deep with it is too deep in truth.
        depth = depth.join("x")?;
    }
    Ok((directories, fetched_bytes))
}

async fn read_directories(
    client: &BlobClient,
    cache: &BlobCache,
    digests: Vec<Digest>,
    directories: &mut Directories,
) -> Result<u64, MaterialiseError> {
    if let Some(digest) = digests.iter().find(|digest| digest.size_bytes > DIRECTORY_BYTES_MAX) {
        return Err(DownloadError::TooLarge { digest: *digest, bytes_max: DIRECTORY_BYTES_MAX }.into());
    }
    let read = Arc::new(Mutex::new(Directories::new()));
    let visit = {
        let read = Arc::clone(&read);
        move |digest: &Digest, content: NearContent| {
            let directory = decode(digest, content)?;
            read.lock().expect("nothing panics while it is held").insert(*digest, directory);
            Ok(())
        }
    };
    let fetched_bytes = visit_each(client, cache, digests, Arc::new(visit)).await?;
    directories.extend(read.lock().expect("nothing panics while it is held").drain());
    Ok(fetched_bytes)
}

fn decode(digest: &Digest, content: NearContent) -> Result<ReadDirectory, MaterialiseError> {
    let decoded = match content {
        NearContent::Bytes(bytes) => ReadDirectory::decode(&bytes),
        NearContent::File(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(|source| MaterialiseError::Cache { digest: *digest, source })?;
            ReadDirectory::decode(&bytes)
        }
    };
    decoded.map_err(|source| MaterialiseError::Directory { digest: *digest, source })
}
