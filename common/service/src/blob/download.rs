//! Blobs from the coordinator. The digest of everything received is checked.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use bazel_remote_apis::build::bazel::remote::execution::v2::{
    BatchReadBlobsRequest, batch_read_blobs_response::Response, digest_function,
};
use bazel_remote_apis::google::bytestream::ReadRequest;
use bytes::Bytes;
use muster_common::digest::Digest;
use tokio::io::AsyncWriteExt as _;
use tonic::{Code, Status};

use super::client::BlobClient;
use super::content::{Hasher, digest_of, from_reapi, to_reapi};
use super::resource::read_name;
use super::retry::{CallError, answered, retried};

/// A blob could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The coordinator did not give it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The coordinator does not have it.
    #[error("blob {0} is not stored at the coordinator")]
    NotFound(Digest),
    /// It is larger than its reader can use.
    #[error("blob {digest} is larger than the {bytes_max} bytes that are allowed here")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// The bound.
        bytes_max: u64,
    },
    /// What came is not the content that was asked for.
    #[error("what the coordinator sent for blob {0} has another digest; its storage may be damaged")]
    WrongContent(Digest),
    /// What came could not be kept.
    #[error("cannot write blob {digest}")]
    Write {
        /// The blob.
        digest: Digest,
        /// Why it could not be written.
        source: io::Error,
    },
}

impl BlobClient {
    /// The content of a blob of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// If it is too large or not there, or the coordinator cannot be reached or refuses.
    pub async fn read(&self, digest: &Digest, bytes_max: u64) -> Result<Bytes, DownloadError> {
        if digest.size_bytes > bytes_max {
            return Err(DownloadError::TooLarge { digest: *digest, bytes_max });
        }
        let mut content = Vec::with_capacity(usize::try_from(digest.size_bytes).unwrap_or(0));
        self.stream_into(digest, &mut content).await?;
        Ok(content.into())
    }

    /// Writes a blob to `path`, which appears only once it is complete and replaces what was there.
    ///
    /// # Errors
    /// If it is not there or cannot be written, or the coordinator cannot be reached or refuses.
    pub async fn download_to(&self, digest: &Digest, path: &Path) -> Result<(), DownloadError> {
        let error = |source| DownloadError::Write { digest: *digest, source };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new().prefix(".muster-").tempfile_in(directory).map_err(error)?;
        self.download_into(digest, temporary.as_file().try_clone().map_err(error)?).await?;
        temporary.persist(path).map_err(|persist| error(persist.error))?;
        Ok(())
    }

    /// Writes a blob to the end of an open file.
    ///
    /// # Errors
    /// If it is not there or cannot be written, or the coordinator cannot be reached or refuses.
    pub async fn download_into(&self, digest: &Digest, file: std::fs::File) -> Result<(), DownloadError> {
        let mut file = tokio::fs::File::from_std(file);
        self.stream_into(digest, &mut file).await?;
        file.flush().await.map_err(|source| DownloadError::Write { digest: *digest, source })
    }

    /// The contents of small blobs that fit into one batch, each with its digest, in no particular order.
    pub(crate) async fn read_batch(&self, digests: &[Digest]) -> Result<Vec<(Digest, Bytes)>, DownloadError> {
        let request = BatchReadBlobsRequest {
            digests: digests.iter().map(to_reapi).collect(),
            digest_function: digest_function::Value::Sha256.into(),
            ..BatchReadBlobsRequest::default()
        };
        let answer = retried(self.patience, || {
            let (mut storage, request) = (self.storage(), request.clone());
            async move { storage.batch_read_blobs(request).await }
        })
        .await
        .map_err(CallError::from)?;
        let mut open: HashSet<Digest> = digests.iter().copied().collect();
        let mut contents = Vec::with_capacity(open.len());
        for response in answer.into_inner().responses {
            let (digest, content) = verified(response)?;
            if open.remove(&digest) {
                contents.push((digest, content));
            }
        }
        match open.into_iter().next() {
            Some(digest) => Err(DownloadError::NotFound(digest)),
            None => Ok(contents),
        }
    }

    async fn stream_into(
        &self,
        digest: &Digest,
        target: &mut (impl tokio::io::AsyncWrite + Unpin),
    ) -> Result<(), DownloadError> {
        let mut hasher = Hasher::default();
        let mut received = 0;
        let mut backoff = self.patience.begin();
        while let Err(failure) = self.stream_from(&mut received, digest, &mut hasher, target).await {
            match failure {
                Failure::Status(status) if status.code() == Code::NotFound => {
                    return Err(DownloadError::NotFound(*digest));
                }
                Failure::Status(status) => backoff.wait(status).await.map_err(CallError::from)?,
                Failure::Final(error) => return Err(error),
            }
        }
        if hasher.finish() == *digest { Ok(()) } else { Err(DownloadError::WrongContent(*digest)) }
    }

    /// One try to receive what is left after the first `received` bytes.
    async fn stream_from(
        &self,
        received: &mut u64,
        digest: &Digest,
        hasher: &mut Hasher,
        target: &mut (impl tokio::io::AsyncWrite + Unpin),
    ) -> Result<(), Failure> {
        let request = ReadRequest {
            resource_name: read_name(digest),
            read_offset: i64::try_from(*received).expect("no more is received than the digest's size"),
            read_limit: 0,
        };
        let mut byte_stream = self.byte_stream();
        let mut chunks = answered(byte_stream.read(request)).await?.into_inner();
        while let Some(chunk) = answered(chunks.message()).await? {
            *received += chunk.data.len() as u64;
            if *received > digest.size_bytes {
                return Err(Failure::Final(DownloadError::WrongContent(*digest)));
            }
            hasher.update(&chunk.data);
            target
                .write_all(&chunk.data)
                .await
                .map_err(|source| Failure::Final(DownloadError::Write { digest: *digest, source }))?;
        }
        Ok(())
    }
}

enum Failure {
    Status(Status),
    Final(DownloadError),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

fn verified(response: Response) -> Result<(Digest, Bytes), DownloadError> {
    let unnamed = || CallError::Refused(Status::internal("the answer names a blob without a valid digest"));
    let digest = response.digest.as_ref().and_then(|digest| from_reapi(digest).ok()).ok_or_else(unnamed)?;
    match response.status {
        Some(status) if status.code == i32::from(Code::NotFound) => return Err(DownloadError::NotFound(digest)),
        Some(status) if status.code != 0 => {
            return Err(CallError::from(Status::new(Code::from_i32(status.code), status.message)).into());
        }
        Some(_) | None => {}
    }
    if digest_of(&response.data) != digest {
        return Err(DownloadError::WrongContent(digest));
    }
    Ok((digest, response.data.into()))
}
