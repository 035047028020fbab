//! [`digests_of_files`]: what files a tree has, without laying it out.

use std::collections::BTreeMap;

use muster_common::digest::Digest;

use super::cache::BlobCache;
use super::materialise::{Layer, MaterialiseError, Placement};
use super::path::TreePath;
use super::plan::{Plan, Planned};
use crate::blob::BlobClient;

/// The digests of all files of the tree with this root, by their paths.
///
/// # Errors
/// If a directory of it cannot be fetched or is not sound.
pub async fn digests_of_files(
    client: &BlobClient,
    cache: &BlobCache,
    root: Digest,
) -> Result<BTreeMap<TreePath, Digest>, MaterialiseError> {
    let layer = Layer { root, path: TreePath::root(), placement: Placement::Link };
    let (plan, _) = Plan::load(client, cache, &[layer]).await?;
    let files = plan.into_entries().filter_map(|(path, planned)| match planned {
        Planned::File(file, _) => Some((path, file.digest)),
        Planned::Directory | Planned::Link(_) => None,
    });
    Ok(files.collect())
}
