//! [`BlobClient`]: the way to a coordinator's blobs.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2::{
    FindMissingBlobsRequest, content_addressable_storage_client::ContentAddressableStorageClient, digest_function,
};
use bazel_remote_apis::google::bytestream::byte_stream_client::ByteStreamClient;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use muster_common::digest::Digest;
use muster_common::limits::{DIGESTS_PER_QUERY_MAX, MESSAGE_BYTES_MAX};
use tokio::time::Instant;
use tonic::transport::Channel;

use super::content::{from_reapi, to_reapi};
use super::retry::{self, CallError, Patience};

/// A handle on the blobs of one coordinator. Cheap to clone.
///
/// Every operation is tried again, with growing pauses, while the coordinator cannot be reached: for one minute, or as
/// [`BlobClient::patient_for`] or [`BlobClient::patient_until`] say. All operations are idempotent.
#[derive(Clone, Debug)]
pub struct BlobClient {
    channel: Channel,
    pub(super) patience: Patience,
}

impl BlobClient {
    /// A client over `channel`. The connection should not be that of the control stream, which bulk would delay.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { channel, patience: Patience::For(retry::PATIENCE_DEFAULT) }
    }

    /// The same client, with operations tried again for so long.
    #[must_use]
    pub fn patient_for(&self, patience: Duration) -> Self {
        Self { channel: self.channel.clone(), patience: Patience::For(patience) }
    }

    /// The same client, with operations tried again until this moment.
    #[must_use]
    pub fn patient_until(&self, deadline: Instant) -> Self {
        Self { channel: self.channel.clone(), patience: Patience::Until(deadline) }
    }

    /// Which of `digests` the coordinator does not have; in no particular order, each once for each time it is given.
    ///
    /// # Errors
    /// If the coordinator cannot be reached or refuses.
    pub async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, CallError> {
        let questions: Vec<Vec<Digest>> = digests.chunks(DIGESTS_PER_QUERY_MAX).map(<[Digest]>::to_vec).collect();
        stream::iter(questions)
            .map(|question| self.clone().missing_of(question))
            .buffer_unordered(CALLS_AT_ONCE)
            .try_concat()
            .await
    }

    async fn missing_of(self, question: Vec<Digest>) -> Result<Vec<Digest>, CallError> {
        let request = FindMissingBlobsRequest {
            instance_name: String::new(),
            blob_digests: question.iter().map(to_reapi).collect(),
            digest_function: digest_function::Value::Sha256.into(),
        };
        let answer = retry::retried(self.patience, || {
            let (mut storage, request) = (self.storage(), request.clone());
            async move { storage.find_missing_blobs(request).await }
        })
        .await?;
        let missing = answer.into_inner().missing_blob_digests;
        missing
            .iter()
            .map(|digest| from_reapi(digest).map_err(|error| tonic::Status::internal(error.to_string()).into()))
            .collect()
    }

    pub(super) fn storage(&self) -> ContentAddressableStorageClient<Channel> {
        ContentAddressableStorageClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    pub(super) fn byte_stream(&self) -> ByteStreamClient<Channel> {
        ByteStreamClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }
}

/// Calls of one operation that are under way at one time.
pub(crate) const CALLS_AT_ONCE: usize = 8;
