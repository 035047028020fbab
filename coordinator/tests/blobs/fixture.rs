//! A server of blobs on a port of its own, a client, and directories to compare.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use muster_common::digest::Digest;
use muster_coordinator::blobs::{DiskBlobs, DiskSettings, services};
use muster_service::blob::BlobClient;
use muster_service::workspace::{
    BlobCache, Layer, Materialised, Placement, ScanOptions, TreePath, UploadedWorkspace, materialise, progress,
    upload_workspace,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};

/// A running server, ended with the test's runtime.
pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    pub(crate) blobs: DiskBlobs,
    pub(crate) channel: Channel,
    pub(crate) client: BlobClient,
    pub(crate) data: TempDir,
}

impl Fixture {
    pub(crate) async fn start() -> Result<Self> {
        let data = tempfile::tempdir()?;
        let blobs = DiskBlobs::open(DiskSettings { directory: data.path().join("blobs"), free_bytes_min: 0 }).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let services = services(&blobs);
        let server = Server::builder()
            .add_service(services.storage)
            .add_service(services.byte_stream)
            .add_service(services.capabilities);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let channel = channel(address)?;
        let client = BlobClient::new(channel.clone());
        Ok(Self { address, blobs, channel, client, data })
    }

    pub(crate) async fn upload(&self, path: &Path) -> Result<UploadedWorkspace> {
        Ok(upload_workspace(&self.client, path, &ScanOptions::default(), progress::unwatched()).await?)
    }

    pub(crate) async fn materialise(&self, root: Digest, cache: &BlobCache, target: &Path) -> Result<Materialised> {
        Ok(materialise(&self.client, cache, &[whole(root)], target).await?)
    }
}

/// A connection to a server.
pub(crate) fn channel(address: SocketAddr) -> Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_lazy())
}

/// A tree that is the whole of a workspace.
pub(crate) fn whole(root: Digest) -> Layer {
    Layer { root, path: TreePath::root(), placement: Placement::Copy }
}

/// A cache that is large enough, in a directory of its own.
pub(crate) fn cache() -> Result<(BlobCache, TempDir)> {
    let directory = tempfile::tempdir()?;
    Ok((BlobCache::open(directory.path(), 1 << 30)?, directory))
}

/// What is at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Directory,
    File { content: Vec<u8>, is_executable: bool },
    Link(String),
}

/// A file with this content.
pub(crate) fn file(content: &[u8]) -> Seen {
    Seen::File { content: content.to_vec(), is_executable: false }
}

/// All that is beneath a directory.
pub(crate) fn seen(root: &Path) -> Result<BTreeMap<String, Seen>> {
    let mut all = BTreeMap::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(directory) = ahead.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let status = path.symlink_metadata()?;
            let what = if status.is_dir() {
                ahead.push(path.clone());
                Seen::Directory
            } else if status.is_symlink() {
                Seen::Link(path.read_link()?.to_str().context("test links are UTF-8")?.to_owned())
            } else {
                Seen::File { content: fs::read(&path)?, is_executable: status.permissions().mode() & 0o111 != 0 }
            };
            all.insert(path.strip_prefix(root)?.to_str().context("test names are UTF-8")?.to_owned(), what);
        }
    }
    Ok(all)
}

/// Makes a directory hold exactly this.
pub(crate) fn write(root: &Path, tree: &BTreeMap<String, Seen>) -> Result<()> {
    for (path, what) in tree {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("it is beneath the root")?)?;
        match what {
            Seen::Directory => fs::create_dir_all(path)?,
            Seen::Link(target) => std::os::unix::fs::symlink(target, path)?,
            Seen::File { content, is_executable } => {
                fs::write(&path, content)?;
                fs::set_permissions(path, fs::Permissions::from_mode(if *is_executable { 0o755 } else { 0o644 }))?;
            }
        }
    }
    Ok(())
}

/// Makes a directory that holds these files.
pub(crate) fn directory_of(files: &[(&str, &[u8])]) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let tree = files.iter().map(|(path, content)| ((*path).to_owned(), file(content))).collect();
    write(directory.path(), &tree)?;
    Ok(directory)
}

/// Content that does not repeat, of this length.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut content = Vec::with_capacity(length + 8);
    while content.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        content.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    content.truncate(length);
    content
}

/// A report that nobody reads.
pub(crate) fn no_report() -> Arc<dyn Fn(u64) + Send + Sync> {
    Arc::new(|_| ())
}
