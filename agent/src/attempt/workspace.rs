//! The folders of one attempt, from their making to their removal.

use std::path::{Path, PathBuf};

use muster_common::control::{Lease, LeaseInput, LeaseWork};
use muster_common::error_code::ReasonCode;
use muster_common::spec::{BUILD_ARTIFACT, TestSpec};
use muster_service::blob::BlobClient;
use muster_service::workspace::{BlobCache, Layer, Placement, TreePath, materialise, remove_tree};

use super::build_home::{BuildHome, Layout, Sharing};
use super::ending::Ending;
use super::shared_build::SharedBuild;
use super::warm_files::keep_times;
use crate::host::Host;
use crate::isolation::offer::Places;
use crate::runner::{Log, build_place};

/// Where an attempt runs.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Everything of this attempt alone; removed at its end.
    pub(crate) folder: PathBuf,
    /// Where the job's files are.
    pub(crate) root: PathBuf,
    /// `TMPDIR` of its processes.
    pub(crate) temporary: PathBuf,
    /// `HOME` of its processes where they are kept from the agent's own.
    pub(crate) own_home: PathBuf,
    /// For files of Muster's own that go with it.
    pub(crate) private: PathBuf,
    /// For a build: the folder that becomes its artifact. For tests: the laid-out artifact.
    pub(crate) build: PathBuf,
    /// Where its builds stay warm, if they do.
    pub(crate) home: Option<BuildHome>,
    shared_build: Option<SharedBuild>,
}

/// What a workspace is filled with.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) lease: &'a Lease,
    pub(crate) host: &'a Host,
    pub(crate) blobs: &'a BlobClient,
    pub(crate) log: &'a Log,
}

impl Workspace {
    /// Makes the folders of an attempt, empty.
    pub(crate) fn folders(lease: &Lease, host: &Host) -> Result<Self, Ending> {
        let folder = host.attempts_folder.join(lease.token.to_string());
        let workspace = Self {
            root: folder.join("workspace"),
            temporary: folder.join("tmp"),
            own_home: folder.join("home"),
            private: folder.join("private"),
            build: folder.join("build"),
            folder,
            home: None,
            shared_build: None,
        };
        for path in [&workspace.temporary, &workspace.own_home, &workspace.private, &workspace.build] {
            std::fs::create_dir_all(path).map_err(|error| Ending::disk("create", path, &error))?;
        }
        Ok(workspace)
    }

    /// Lays out what the lease names.
    pub(crate) async fn fill(&mut self, source: Source<'_>) -> Result<(), Ending> {
        let layout = layout(source.lease)?;
        if let Some(input) = source.lease.inputs.iter().find(|input| is_build_input(input, &source.lease.work)) {
            let shared = source.host.shared_builds.get(input.root, source.blobs, &source.host.cache).await?;
            self.build = shared.path();
            self.shared_build = Some(shared);
            self.home = self.place_of_build(&layout, source).await?;
        } else if is_warm_build(&source.lease.work) {
            let homes = &source.host.build_homes;
            let home = homes.take(&source.lease.project).map_err(|error| Ending::home(&error))?;
            fill_home(&home, &layout, source).await?;
            self.home = Some(home);
        }
        match &self.home {
            Some(home) => self.root = home.workspace(),
            None => lay_out(&layout, &self.root, source.blobs, &source.host.cache).await?,
        }
        Ok(())
    }

    /// Where the tests that are to be run were built, if that place can be used, filled. What shards set up by themselves
    /// they would set up for each other there; so such shards get workspaces of their own.
    async fn place_of_build(&self, layout: &Layout, source: Source<'_>) -> Result<Option<BuildHome>, Ending> {
        let Ok(place) = build_place(&self.build) else { return Ok(None) };
        if sets_up(&source.lease.work) {
            return Ok(None);
        }
        let shared = source.host.build_homes.share(&place.directory, layout).map_err(|error| Ending::home(&error))?;
        match shared {
            Some(Sharing::Ready(home)) => Ok(Some(home)),
            Some(Sharing::Empty(home)) => {
                fill_home(&home, layout, source).await?;
                let is_open = home.open(layout).map_err(|error| Ending::home(&error))?;
                Ok(is_open.then_some(home))
            }
            None => {
                note_if_absent(&place.directory, source.log).await;
                Ok(None)
            }
        }
    }

    /// What the job's commands need of it.
    pub(crate) fn places(&self) -> Places {
        let mut places =
            Places { own: vec![self.root.clone(), self.temporary.clone(), self.own_home.clone()], ..Places::default() };
        places.own.extend(self.home.as_ref().map(BuildHome::target));
        places.shared.push(self.private.clone());
        match &self.shared_build {
            Some(_) => places.readable.push(self.build.clone()),
            None => places.shared.push(self.build.clone()),
        }
        places
    }

    /// A folder beneath the workspace, as a job names it.
    pub(crate) fn beneath(&self, path: Option<&str>) -> Result<PathBuf, Ending> {
        let Some(path) = path else { return Ok(self.root.clone()) };
        let checked = TreePath::parse(path).map_err(|error| {
            Ending::failed(ReasonCode::WorkspaceFailed, format!("working directory `{path}`: {error}"))
        })?;
        Ok(self.root.join(checked.as_str()))
    }

    /// Whether it is still there, which a job may have changed.
    pub(crate) fn is_there(&self) -> bool {
        self.root.is_dir()
    }

    /// Whether the disk under it has no room left.
    pub(crate) fn is_disk_full(&self) -> bool {
        let free = |path: &Path| {
            nix::sys::statvfs::statvfs(path).ok().map(|found| found.blocks_available() * found.fragment_size())
        };
        free(&self.private).is_some_and(|bytes| bytes < DISK_FULL_BYTES)
    }

    /// Removes what is this attempt's alone.
    pub(crate) async fn remove(self) {
        let shown = self.folder.display().to_string();
        if let Err(error) = remove(self.folder).await {
            tracing::warn!(path = %shown, %error, "an attempt's folder cannot be removed");
        }
    }
}

/// Fills the workspace of a build place that nobody else uses, as if it were new, but for the times of unchanged files.
async fn fill_home(home: &BuildHome, layout: &Layout, source: Source<'_>) -> Result<(), Ending> {
    let root = home.workspace();
    let old = root.with_file_name("workspace.old");
    let moved = move_away(root.clone(), old.clone()).await;
    moved.map_err(|error| Ending::disk("clear", &root, &error))?;
    lay_out(layout, &root, source.blobs, &source.host.cache).await?;
    let times = keep_times_and_remove(old, root.clone()).await;
    times.map_err(|error| Ending::disk("prepare", &root, &error))?;
    home.set_layout(layout).map_err(|error| Ending::home(&error))
}

async fn note_if_absent(directory: &Path, log: &Log) {
    if !directory.is_dir() {
        let text = format!(
            "these tests were built in {}, which is not on this agent: those that look for files by paths that the \
             compiler wrote into them will not find them; give all agents the same --builds-directory",
            directory.display()
        );
        log.note(&text).await;
    }
}

async fn lay_out(layout: &Layout, root: &Path, blobs: &BlobClient, cache: &BlobCache) -> Result<(), Ending> {
    std::fs::create_dir_all(root).map_err(|error| Ending::disk("create", root, &error))?;
    let layers = layout
        .iter()
        .map(|(digest, path)| Ok(Layer { root: *digest, path: TreePath::parse(path)?, placement: Placement::Copy }))
        .collect::<Result<Vec<_>, muster_service::workspace::path::PathError>>()
        .map_err(|error| Ending::failed(ReasonCode::WorkspaceFailed, error.to_string()))?;
    if !layers.is_empty() {
        materialise(blobs, cache, &layers, root).await?;
    }
    Ok(())
}

/// The workspace and the inputs that lie over it, in order.
fn layout(lease: &Lease) -> Result<Layout, Ending> {
    let mut layout: Layout = lease.workspace.map(|root| (root, String::new())).into_iter().collect();
    for input in lease.inputs.iter().filter(|input| !is_build_input(input, &lease.work)) {
        let path = input.path.clone().unwrap_or_default();
        TreePath::parse(&path).map_err(|error| {
            Ending::failed(ReasonCode::WorkspaceFailed, format!("input `{}`: {error}", input.artifact))
        })?;
        layout.push((input.root, path));
    }
    Ok(layout)
}

/// Removes a folder and everything in it.
async fn remove(path: PathBuf) -> std::io::Result<()> {
    tokio::task::spawn_blocking(move || remove_tree(&path)).await.map_err(std::io::Error::other)?
}

async fn move_away(from: PathBuf, to: PathBuf) -> std::io::Result<()> {
    remove(to.clone()).await?;
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

async fn keep_times_and_remove(old: PathBuf, new: PathBuf) -> std::io::Result<()> {
    let work = move || {
        if old.is_dir() {
            keep_times(&old, &new)?;
        }
        remove_tree(&old)
    };
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// Whether a second build of the same project is quicker at the same place.
const fn is_warm_build(work: &LeaseWork) -> bool {
    match work {
        LeaseWork::TestBuild(TestSpec { runner, .. }) => runner.needs_build(),
        LeaseWork::Steps(_) | LeaseWork::Discover(_) | LeaseWork::Shard(_) => false,
    }
}

fn sets_up(work: &LeaseWork) -> bool {
    match work {
        LeaseWork::TestBuild(tests) | LeaseWork::Discover(tests) | LeaseWork::Shard(tests) => !tests.setup.is_empty(),
        LeaseWork::Steps(_) => false,
    }
}

fn is_build_input(input: &LeaseInput, work: &LeaseWork) -> bool {
    match work {
        LeaseWork::Discover(tests) | LeaseWork::Shard(tests) => {
            tests.runner.needs_build() && input.artifact == BUILD_ARTIFACT
        }
        LeaseWork::Steps(_) | LeaseWork::TestBuild(_) => false,
    }
}

/// Less than this is no room: a file system keeps some of its blocks to itself.
const DISK_FULL_BYTES: u64 = 1 << 20;
