//! All directories of a tree, in messages of a bounded size.

use std::collections::{HashSet, VecDeque};

use bazel_remote_apis::build::bazel::remote::execution::v2::{Directory, GetTreeResponse};
use muster_common::digest::Digest;
use muster_common::limits::{DIRECTORY_BYTES_MAX, WORKSPACE_ENTRIES_MAX};
use muster_service::blob::content::from_reapi;
use prost::Message as _;
use tonic::Status;

use super::disk::DiskBlobs;
use super::error::BlobError;

/// Walks a tree, level by level. Each directory comes once, however often it is in the tree; what is not stored is left
/// out, as the API allows for all but the root.
#[derive(Debug)]
pub(crate) struct TreeWalk {
    blobs: DiskBlobs,
    ahead: VecDeque<Digest>,
    seen: HashSet<Digest>,
}

impl TreeWalk {
    /// A walk from `root` on.
    pub(crate) fn new(blobs: DiskBlobs, root: Digest) -> Self {
        Self { blobs, ahead: VecDeque::from([root]), seen: HashSet::from([root]) }
    }

    /// The next message; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<GetTreeResponse>, Status> {
        let mut response = GetTreeResponse::default();
        let mut bytes = 0;
        while let Some(digest) = self.ahead.front().copied() {
            if bytes > 0 && bytes + digest.size_bytes > MESSAGE_BYTES {
                break;
            }
            self.ahead.pop_front();
            match self.directory(digest).await? {
                Some(directory) => response.directories.push(directory),
                None => continue,
            }
            bytes += digest.size_bytes.max(1);
        }
        Ok((!response.directories.is_empty()).then_some(response))
    }

    async fn directory(&mut self, digest: Digest) -> Result<Option<Directory>, Status> {
        let content = match self.blobs.read(digest, DIRECTORY_BYTES_MAX).await {
            Err(BlobError::NotFound(_)) => return Ok(None),
            read => read?,
        };
        let broken =
            |error: &dyn std::fmt::Display| Status::invalid_argument(format!("{digest} is no directory: {error}"));
        let directory = Directory::decode(content).map_err(|error| broken(&error))?;
        for child in directory.directories.iter().filter_map(|node| node.digest.as_ref()) {
            let child = from_reapi(child).map_err(|error| broken(&error))?;
            if self.seen.insert(child) {
                self.ahead.push_back(child);
            }
        }
        if self.seen.len() > WORKSPACE_ENTRIES_MAX {
            return Err(Status::failed_precondition(format!(
                "the tree has more than {WORKSPACE_ENTRIES_MAX} directories"
            )));
        }
        Ok(Some(directory))
    }
}

/// Bytes of directories in one message; a single directory may have more.
const MESSAGE_BYTES: u64 = 1 << 20;
