//! Brings blobs near: from the cache, else from the coordinator, each of them once however many slots want it.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use muster_common::digest::Digest;

use super::cache::BlobCache;
use super::materialise::MaterialiseError;
use crate::blob::batch::batches;
use crate::blob::client::{BlobClient, CALLS_AT_ONCE};
use crate::blob::content::EMPTY;
use crate::blob::download::DownloadError;

/// Content that is near.
#[derive(Debug)]
pub(crate) enum NearContent {
    /// In memory.
    Bytes(Bytes),
    /// In a file, from its beginning.
    File(File),
}

/// What is done with every blob. Called once for each, from threads that may block, several at one time.
pub(crate) type Visit = Arc<dyn Fn(&Digest, NearContent) -> Result<(), MaterialiseError> + Send + Sync>;

/// Brings each of `digests`, which are all different, near and hands it to `visit`. Says how many bytes were fetched.
pub(crate) async fn visit_each(
    client: &BlobClient,
    cache: &BlobCache,
    digests: Vec<Digest>,
    visit: Visit,
) -> Result<u64, MaterialiseError> {
    let mut fetched_bytes = 0;
    let mut open = digests;
    loop {
        let absent = visit_cached(cache, open, &visit).await?;
        let (claim, theirs) = cache.fetches().claim(absent);
        // Whoever held them before may have put them into the cache between the look at it and the claim.
        let absent = visit_cached(cache, claim.mine.clone(), &visit).await?;
        fetched_bytes += absent.iter().map(|digest| digest.size_bytes).sum::<u64>();
        visit_fetched(client, cache, &absent, &visit).await?;
        drop(claim);
        if theirs.is_empty() {
            return Ok(fetched_bytes);
        }
        cache.fetches().wait(&theirs).await;
        open = theirs;
    }
}

/// Visits what is in the cache. Says what is not.
async fn visit_cached(cache: &BlobCache, digests: Vec<Digest>, visit: &Visit) -> Result<Vec<Digest>, MaterialiseError> {
    let groups: Vec<Vec<Digest>> = digests.chunks(CACHED_PER_GROUP).map(<[Digest]>::to_vec).collect();
    stream::iter(groups)
        .map(|group| {
            let (cache, visit) = (cache.clone(), Arc::clone(visit));
            blocking(move || {
                let mut absent = Vec::new();
                for digest in group {
                    if digest == EMPTY {
                        visit(&digest, NearContent::Bytes(Bytes::new()))?;
                    } else if let Some(file) = cache.get(&digest) {
                        visit(&digest, NearContent::File(file))?;
                    } else {
                        absent.push(digest);
                    }
                }
                Ok(absent)
            })
        })
        .buffer_unordered(GROUPS_AT_ONCE)
        .try_concat()
        .await
}

async fn visit_fetched(
    client: &BlobClient,
    cache: &BlobCache,
    digests: &[Digest],
    visit: &Visit,
) -> Result<(), MaterialiseError> {
    let work = batches(digests.iter().copied());
    let small = work.small.into_iter().map(Work::Batch);
    stream::iter(work.large.into_iter().map(Work::Stream).chain(small))
        .map(|work| {
            let (client, cache, visit) = (client.clone(), cache.clone(), Arc::clone(visit));
            async move {
                match work {
                    Work::Batch(digests) => fetch_batch(&client, cache, &digests, visit).await,
                    Work::Stream(digest) => fetch_stream(&client, cache, digest, visit).await,
                }
            }
        })
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect()
        .await
}

async fn fetch_batch(
    client: &BlobClient,
    cache: BlobCache,
    digests: &[Digest],
    visit: Visit,
) -> Result<(), MaterialiseError> {
    let contents = client.read_batch(digests).await?;
    blocking(move || {
        for (digest, content) in contents {
            if let Err(error) = cache.put(&digest, &content) {
                tracing::debug!(%error, %digest, "blob is used without being cached");
            }
            visit(&digest, NearContent::Bytes(content))?;
        }
        Ok(())
    })
    .await
}

async fn fetch_stream(
    client: &BlobClient,
    cache: BlobCache,
    digest: Digest,
    visit: Visit,
) -> Result<(), MaterialiseError> {
    let write_error = move |source| MaterialiseError::from(DownloadError::Write { digest, source });
    let temporary = cache.temporary().map_err(write_error)?;
    let file = temporary.as_file().try_clone().map_err(write_error)?;
    client.download_into(&digest, file).await?;
    blocking(move || {
        let content = temporary.reopen().map_err(write_error)?;
        cache.adopt(&digest, temporary).map_err(write_error)?;
        visit(&digest, NearContent::File(content))
    })
    .await
}

enum Work {
    Batch(Vec<Digest>),
    Stream(Digest),
}

/// Runs work that may block on a thread where it may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MaterialiseError> + Send + 'static,
) -> Result<T, MaterialiseError> {
    tokio::task::spawn_blocking(work).await.map_err(MaterialiseError::Stopped)?
}

const CACHED_PER_GROUP: usize = 256;
const GROUPS_AT_ONCE: usize = 4;
