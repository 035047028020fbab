//! Which blobs travel together.

use muster_common::digest::Digest;
use muster_common::limits::{BLOB_BATCH_BYTES_MAX, BLOBS_PER_BATCH_MAX};

/// Blobs, parted by the way they travel.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batches {
    /// Small ones, each group in one message.
    pub(crate) small: Vec<Vec<Digest>>,
    /// Large ones, each by its own stream.
    pub(crate) large: Vec<Digest>,
}

/// Parts `digests`, keeping their order.
pub(crate) fn batches(digests: impl IntoIterator<Item = Digest>) -> Batches {
    let mut all = Batches::default();
    let mut group = Vec::new();
    let mut group_bytes = 0;
    for digest in digests {
        if digest.size_bytes > SMALL_BLOB_BYTES_MAX {
            all.large.push(digest);
            continue;
        }
        if group.len() == BLOBS_PER_BATCH_MAX || group_bytes + digest.size_bytes > BLOB_BATCH_BYTES_MAX {
            all.small.push(std::mem::take(&mut group));
            group_bytes = 0;
        }
        group_bytes += digest.size_bytes;
        group.push(digest);
    }
    if !group.is_empty() {
        all.small.push(group);
    }
    all
}

/// Largest blob that travels in a batch.
const SMALL_BLOB_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_is_over_its_bounds_and_nothing_is_left_out() {
        let sizes = [5, 1 << 20, (1 << 20) + 1, 1 << 20, 1 << 20, 0].into_iter().chain((0..4_500).map(|_| 7));
        let digests: Vec<Digest> = sizes.map(|size_bytes| Digest { hash: [1; 32], size_bytes }).collect();
        let all = batches(digests.clone());
        assert_eq!(all.large.len(), 1);
        assert_eq!(all.small.iter().map(Vec::len).sum::<usize>() + 1, digests.len());
        for batch in &all.small {
            assert!(!batch.is_empty() && batch.len() <= BLOBS_PER_BATCH_MAX);
            assert!(batch.iter().map(|digest| digest.size_bytes).sum::<u64>() <= BLOB_BATCH_BYTES_MAX);
        }
    }
}
