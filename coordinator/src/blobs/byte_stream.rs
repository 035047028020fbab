//! The `ByteStream` service: large blobs piece by piece.

use std::pin::Pin;

use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStream;
use bazel_remote_apis::google::bytestream::{
    QueryWriteStatusRequest, QueryWriteStatusResponse, ReadRequest, ReadResponse, WriteRequest, WriteResponse,
};
use futures::{Stream, stream};
use muster_common::limits::BLOB_CHUNK_BYTES_MAX;
use muster_service::blob::resource::{ParseNameError, WriteName, parse_read_name, parse_write_name};
use tonic::{Request, Response, Status, Streaming};

use super::disk::DiskBlobs;
use super::error::BlobError;
use super::upload::Uploads;

/// Answers for the blobs of a directory.
#[derive(Clone, Debug)]
pub struct Pieces {
    blobs: DiskBlobs,
    uploads: Uploads,
}

impl Pieces {
    /// The service over `blobs`.
    #[must_use]
    pub fn new(blobs: DiskBlobs) -> Self {
        Self { uploads: Uploads::new(blobs.clone()), blobs }
    }
}

#[tonic::async_trait]
impl ByteStream for Pieces {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<ReadResponse, Status>> + Send>>;

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let request = request.into_inner();
        let digest = parse_read_name(&request.resource_name).map_err(|error| bad_name(&error))?;
        let offset = u64::try_from(request.read_offset)
            .ok()
            .filter(|offset| *offset <= digest.size_bytes)
            .ok_or_else(|| Status::out_of_range(format!("offset {} is not in blob {digest}", request.read_offset)))?;
        let limit = match u64::try_from(request.read_limit) {
            Ok(0) => u64::MAX,
            Ok(limit) => limit,
            Err(_) => return Err(Status::invalid_argument(format!("limit {} is negative", request.read_limit))),
        };
        let Some(file) = self.blobs.open_at(digest, offset).await? else {
            return Ok(Response::new(Box::pin(stream::empty())));
        };
        let blobs = self.blobs.clone();
        let pieces = stream::try_unfold((file, limit), move |(file, left)| {
            let blobs = blobs.clone();
            async move {
                let bytes_max = usize::try_from(left).unwrap_or(usize::MAX).min(BLOB_CHUNK_BYTES_MAX);
                if bytes_max == 0 {
                    return Ok(None);
                }
                let (file, data) = blobs.read_piece(file, bytes_max).await?;
                let left = left - data.len() as u64;
                Ok((!data.is_empty()).then_some((ReadResponse { data }, (file, left))))
            }
        });
        Ok(Response::new(Box::pin(pieces)))
    }

    async fn write(&self, request: Request<Streaming<WriteRequest>>) -> Result<Response<WriteResponse>, Status> {
        let mut pieces = request.into_inner();
        let Some(mut piece) = pieces.message().await? else {
            return Err(Status::invalid_argument("the stream has no message; the first one names what is written"));
        };
        let name = std::mem::take(&mut piece.resource_name);
        let written = parse_write_name(&name).map_err(|error| bad_name(&error))?;
        if self.blobs.contains(written.digest).await? {
            // The API has the server say so at once, without taking what is already there.
            return Ok(committed(written.digest.size_bytes));
        }
        loop {
            if !piece.resource_name.is_empty() && piece.resource_name != name {
                return Err(Status::invalid_argument("one stream may write one resource only"));
            }
            let stored = self.take(&written, &mut piece).await?;
            if piece.finish_write {
                self.uploads.finish(&written).await?;
                return Ok(committed(written.digest.size_bytes));
            }
            match pieces.message().await? {
                Some(next) => piece = next,
                None => return Ok(committed(stored)),
            }
        }
    }

    async fn query_write_status(
        &self,
        request: Request<QueryWriteStatusRequest>,
    ) -> Result<Response<QueryWriteStatusResponse>, Status> {
        let name = parse_write_name(&request.into_inner().resource_name).map_err(|error| bad_name(&error))?;
        match self.uploads.state(&name).await? {
            Some(state) => Ok(Response::new(QueryWriteStatusResponse {
                committed_size: to_i64(state.stored),
                complete: state.is_complete,
            })),
            None => Err(BlobError::NotFound(name.digest).into()),
        }
    }
}

impl Pieces {
    async fn take(&self, name: &WriteName, piece: &mut WriteRequest) -> Result<u64, Status> {
        let offset = u64::try_from(piece.write_offset)
            .map_err(|_| Status::out_of_range(format!("offset {} is negative", piece.write_offset)))?;
        Ok(self.uploads.append(name, offset, std::mem::take(&mut piece.data)).await?)
    }
}

fn committed(bytes: u64) -> Response<WriteResponse> {
    Response::new(WriteResponse { committed_size: to_i64(bytes) })
}

fn to_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).expect("a blob is far smaller than 2^63 bytes")
}

fn bad_name(error: &ParseNameError) -> Status {
    Status::invalid_argument(error.to_string())
}
