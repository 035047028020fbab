//! The folders of one attempt, from their making to their removal.

use std::path::{Path, PathBuf};

use muster_common::control::{Lease, LeaseInput, LeaseWork};
use muster_common::digest::Digest;
use muster_common::error_code::ReasonCode;
use muster_common::spec::{BUILD_ARTIFACT, Runner, TestSpec};
use muster_service::blob::BlobClient;
use muster_service::workspace::{Layer, Placement, TreePath, materialise, remove_tree};

use super::build_home::BuildHome;
use super::ending::Ending;
use super::shared_build::SharedBuild;
use crate::host::Host;

/// Where an attempt runs.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Everything of this attempt alone; removed at its end.
    pub(crate) folder: PathBuf,
    /// Where the job's files are.
    pub(crate) root: PathBuf,
    /// `TMPDIR` of its processes.
    pub(crate) temporary: PathBuf,
    /// For files of Muster's own that go with it.
    pub(crate) private: PathBuf,
    /// For a build: the folder that becomes its artifact. For tests: the laid-out artifact.
    pub(crate) build: PathBuf,
    /// For a build that stays warm: its place.
    pub(crate) home: Option<BuildHome>,
    _shared_build: Option<SharedBuild>,
}

impl Workspace {
    /// Makes the folders of an attempt, empty.
    pub(crate) fn folders(lease: &Lease, host: &Host) -> Result<Self, Ending> {
        let folder = host.attempts_folder.join(lease.token.to_string());
        let home = is_warm_build(&lease.work).then(|| host.build_homes.take(&lease.project));
        let workspace = Self {
            root: home.as_ref().map_or_else(|| folder.join("workspace"), BuildHome::workspace),
            temporary: folder.join("tmp"),
            private: folder.join("private"),
            build: folder.join("build"),
            folder,
            home,
            _shared_build: None,
        };
        for path in [&workspace.temporary, &workspace.private, &workspace.build] {
            std::fs::create_dir_all(path).map_err(|error| Ending::disk("create", path, &error))?;
        }
        Ok(workspace)
    }

    /// Lays out what the lease names.
    pub(crate) async fn fill(&mut self, lease: &Lease, host: &Host, blobs: &BlobClient) -> Result<(), Ending> {
        if self.home.is_some() {
            remove(self.root.clone()).await.map_err(|error| Ending::disk("clear", &self.root, &error))?;
        }
        std::fs::create_dir_all(&self.root).map_err(|error| Ending::disk("create", &self.root, &error))?;
        let mut layers: Vec<Layer> = lease.workspace.map(|root| layer(root, TreePath::root())).into_iter().collect();
        for input in &lease.inputs {
            if is_build_input(input, &lease.work) {
                let shared = host.shared_builds.get(input.root, blobs, &host.cache).await?;
                self.build = shared.path();
                self._shared_build = Some(shared);
            } else {
                let path = TreePath::parse(input.path.as_deref().unwrap_or_default()).map_err(|error| {
                    Ending::failed(ReasonCode::WorkspaceFailed, format!("input `{}`: {error}", input.artifact))
                })?;
                layers.push(layer(input.root, path));
            }
        }
        if !layers.is_empty() {
            materialise(blobs, &host.cache, &layers, &self.root).await?;
        }
        Ok(())
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

/// Removes a folder and everything in it.
pub(crate) async fn remove(path: PathBuf) -> std::io::Result<()> {
    tokio::task::spawn_blocking(move || remove_tree(&path)).await.map_err(std::io::Error::other)?
}

fn layer(root: Digest, path: TreePath) -> Layer {
    Layer { root, path, placement: Placement::Copy }
}

/// Whether a second build of the same project is quicker at the same place.
const fn is_warm_build(work: &LeaseWork) -> bool {
    match work {
        LeaseWork::TestBuild(TestSpec { runner, .. }) => match runner {
            Runner::CargoNextest { .. } | Runner::CargoTest { .. } => true,
            Runner::Pytest { .. } | Runner::Generic { .. } => false,
        },
        LeaseWork::Steps(_) | LeaseWork::Discover(_) | LeaseWork::Shard(_) => false,
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
