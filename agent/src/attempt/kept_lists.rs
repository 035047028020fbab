//! Which kept lists an attempt of a test job may take from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_common::control::{Lease, LeaseWork};
use muster_common::digest::Digest;
use muster_common::spec::{BUILD_ARTIFACT, TestSpec};
use muster_service::blob::BlobClient;
use muster_service::workspace::digests_of_files;

use super::variables::Variables;
use crate::host::Host;
use crate::runner::kept::{Basis, Lists};

/// Those of `lease`.
pub(crate) async fn kept_lists(lease: &Lease, host: &Host, variables: &Variables, blobs: &BlobClient) -> Lists {
    let Some(store) = &host.lists else { return Lists::default() };
    let lists = Lists::new(store.clone(), variables.context.env.clone());
    match &lease.work {
        LeaseWork::Steps(_) | LeaseWork::TestBuild(_) => lists,
        LeaseWork::Discover(tests) => {
            let lists = with_whole(lists, lease, tests);
            if tests.runner.needs_build() { lists.with_built(built(lease, host, blobs).await) } else { lists }
        }
        LeaseWork::Shard(tests) => with_whole(lists, lease, tests),
    }
}

fn with_whole(lists: Lists, lease: &Lease, tests: &TestSpec) -> Lists {
    if tests.caches_discovery { lists.with_whole(Basis::of(lease, tests)) } else { lists }
}

/// Digests of the files of the build, by their paths in it. Without them everything is listed anew.
async fn built(lease: &Lease, host: &Host, blobs: &BlobClient) -> BTreeMap<PathBuf, Digest> {
    let Some(build) = lease.inputs.iter().find(|input| input.artifact == BUILD_ARTIFACT) else {
        return BTreeMap::new();
    };
    match digests_of_files(blobs, &host.cache, build.root).await {
        Ok(digests) => digests.into_iter().map(|(path, digest)| (PathBuf::from(path.as_str()), digest)).collect(),
        Err(error) => {
            tracing::warn!(token = %lease.token, %error, "the digests of a build cannot be read; its tests are all listed anew");
            BTreeMap::new()
        }
    }
}
