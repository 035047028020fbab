//! The `ContentAddressableStorage` service.

use std::pin::Pin;

use bazel_remote_apis::build::bazel::remote::execution::v2::content_addressable_storage_server::ContentAddressableStorage;
use bazel_remote_apis::build::bazel::remote::execution::v2::{
    self as reapi, BatchReadBlobsRequest, BatchReadBlobsResponse, BatchUpdateBlobsRequest, BatchUpdateBlobsResponse,
    FindMissingBlobsRequest, FindMissingBlobsResponse, GetChunkMappingRequest, GetChunkMappingResponse, GetTreeRequest,
    GetTreeResponse, RegisterChunkMappingRequest, RegisterChunkMappingResponse, SpliceBlobRequest, SpliceBlobResponse,
    SplitBlobRequest, SplitBlobResponse, batch_read_blobs_response, batch_update_blobs_response, digest_function,
};
use bazel_remote_apis::google::rpc;
use bytes::Bytes;
use futures::{Stream, stream};
use muster_common::digest::Digest;
use muster_common::limits::BLOB_BATCH_BYTES_MAX;
use muster_service::blob::content::{from_reapi, to_reapi};
use tonic::{Code, Request, Response, Status, Streaming};

use super::disk::DiskBlobs;
use super::error::BlobError;
use super::tree::TreeWalk;

/// Answers for the blobs of a directory. One instance, SHA-256, no compression.
#[derive(Clone, Debug)]
pub struct Storage {
    blobs: DiskBlobs,
}

impl Storage {
    /// The service over `blobs`.
    #[must_use]
    pub const fn new(blobs: DiskBlobs) -> Self {
        Self { blobs }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ContentAddressableStorage for Storage {
    type GetTreeStream = Answers<GetTreeResponse>;
    type GetChunkMappingStream = Answers<GetChunkMappingResponse>;

    async fn find_missing_blobs(
        &self,
        request: Request<FindMissingBlobsRequest>,
    ) -> Result<Response<FindMissingBlobsResponse>, Status> {
        let request = request.into_inner();
        check_digest_function(request.digest_function)?;
        let digests = request.blob_digests.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let missing = self.blobs.missing(digests).await?;
        let missing_blob_digests = missing.iter().map(to_reapi).collect();
        Ok(Response::new(FindMissingBlobsResponse { missing_blob_digests }))
    }

    async fn batch_update_blobs(
        &self,
        request: Request<BatchUpdateBlobsRequest>,
    ) -> Result<Response<BatchUpdateBlobsResponse>, Status> {
        let request = request.into_inner();
        check_digest_function(request.digest_function)?;
        let mut contents = Vec::with_capacity(request.requests.len());
        for blob in request.requests {
            if blob.compressor != 0 {
                return Err(Status::invalid_argument("compressed blobs are not supported; send them as they are"));
            }
            let digest = parse(&blob.digest.unwrap_or_default())?;
            contents.push((digest, Bytes::from(blob.data)));
        }
        let outcomes = self.blobs.write_many(contents).await?;
        let responses = outcomes
            .into_iter()
            .map(|(digest, outcome)| batch_update_blobs_response::Response {
                digest: Some(to_reapi(&digest)),
                status: Some(blob_status(outcome.err())),
            })
            .collect();
        Ok(Response::new(BatchUpdateBlobsResponse { responses }))
    }

    async fn batch_read_blobs(
        &self,
        request: Request<BatchReadBlobsRequest>,
    ) -> Result<Response<BatchReadBlobsResponse>, Status> {
        let request = request.into_inner();
        check_digest_function(request.digest_function)?;
        let digests = request.digests.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let bytes = digests.iter().fold(0_u64, |sum, digest| sum.saturating_add(digest.size_bytes));
        if bytes > BLOB_BATCH_BYTES_MAX {
            return Err(Status::invalid_argument(format!(
                "the blobs have {bytes} bytes together, a batch may have {BLOB_BATCH_BYTES_MAX}; read large ones as streams"
            )));
        }
        let contents = self.blobs.read_many(digests).await?;
        let responses = contents
            .into_iter()
            .map(|(digest, content)| {
                let (data, error) =
                    content.map_or_else(|error| (Vec::new(), Some(error)), |bytes| (bytes.into(), None));
                let (digest, status) = (Some(to_reapi(&digest)), Some(blob_status(error)));
                batch_read_blobs_response::Response { digest, data, compressor: 0, status }
            })
            .collect();
        Ok(Response::new(BatchReadBlobsResponse { responses }))
    }

    async fn get_tree(&self, request: Request<GetTreeRequest>) -> Result<Response<Self::GetTreeStream>, Status> {
        let request = request.into_inner();
        check_digest_function(request.digest_function)?;
        if !request.page_token.is_empty() {
            return Err(Status::invalid_argument("this page token was not made here: a tree is sent whole"));
        }
        let root = parse(&request.root_digest.unwrap_or_default())?;
        if !self.blobs.contains(root).await? {
            return Err(BlobError::NotFound(root).into());
        }
        let walk = TreeWalk::new(self.blobs.clone(), root);
        let messages =
            stream::try_unfold(walk, |mut walk| async move { Ok(walk.next().await?.map(|message| (message, walk))) });
        Ok(Response::new(Box::pin(messages)))
    }

    async fn split_blob(&self, _: Request<SplitBlobRequest>) -> Result<Response<SplitBlobResponse>, Status> {
        Err(chunking_unsupported())
    }

    async fn get_chunk_mapping(
        &self,
        _: Request<GetChunkMappingRequest>,
    ) -> Result<Response<Self::GetChunkMappingStream>, Status> {
        Err(chunking_unsupported())
    }

    async fn splice_blob(&self, _: Request<SpliceBlobRequest>) -> Result<Response<SpliceBlobResponse>, Status> {
        Err(chunking_unsupported())
    }

    async fn register_chunk_mapping(
        &self,
        _: Request<Streaming<RegisterChunkMappingRequest>>,
    ) -> Result<Response<RegisterChunkMappingResponse>, Status> {
        Err(chunking_unsupported())
    }
}

fn parse(digest: &reapi::Digest) -> Result<Digest, Status> {
    from_reapi(digest).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn check_digest_function(number: i32) -> Result<(), Status> {
    match digest_function::Value::try_from(number) {
        // A client of an older version of the API does not say; the length of its hashes does.
        Ok(digest_function::Value::Unknown | digest_function::Value::Sha256) => Ok(()),
        Ok(other) => Err(Status::invalid_argument(format!(
            "digest function {} is not supported, only SHA256",
            other.as_str_name()
        ))),
        Err(_) => Err(Status::invalid_argument(format!("digest function {number} is not supported, only SHA256"))),
    }
}

fn blob_status(error: Option<BlobError>) -> rpc::Status {
    let Some(error) = error else { return rpc::Status::default() };
    let status = Status::from(error);
    rpc::Status { code: Code::into(status.code()), message: status.message().to_owned(), details: Vec::new() }
}

fn chunking_unsupported() -> Status {
    Status::unimplemented("blobs are stored whole; splitting and splicing are not supported")
}
