//! Blobs to the coordinator: small ones in batches, large ones as streams that go on where they were cut.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bazel_remote_apis::build::bazel::remote::execution::v2::{
    BatchUpdateBlobsRequest, batch_update_blobs_request::Request, digest_function,
};
use bazel_remote_apis::google::bytestream::{QueryWriteStatusRequest, WriteRequest};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use muster_common::digest::Digest;
use muster_common::limits::BLOB_CHUNK_BYTES_MAX;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use super::batch::batches;
use super::client::{BlobClient, CALLS_AT_ONCE};
use super::content::{digest_of, to_reapi};
use super::resource::write_name;
use super::retry::{CallError, answered, retried};

/// Where the content of blobs comes from. Its methods may block.
pub trait BlobSource: Send + Sync + 'static {
    /// The content that was said to have this digest. It may have changed since.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open(&self, digest: &Digest) -> io::Result<BlobContent>;

    /// What people call this content, for errors.
    fn name(&self, digest: &Digest) -> String;
}

/// Content of one blob.
#[derive(Debug)]
pub enum BlobContent {
    /// In memory.
    Bytes(Bytes),
    /// The whole of a file.
    File(File),
}

/// Blobs could not be uploaded. Those that were are stored all the same.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The coordinator did not take them.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Content is not what its digest says any more.
    #[error("{0} changed while it was being uploaded; try again when nothing writes to it")]
    Changed(String),
    /// Content could not be read.
    #[error("cannot read {name}")]
    Read {
        /// What was to be read.
        name: String,
        /// Why it could not be.
        source: io::Error,
    },
}

impl BlobClient {
    /// Stores those of `digests` that the coordinator does not have. Says how many bytes were sent; `progress` is told
    /// the bytes of each blob as soon as it is stored or found to be so.
    ///
    /// # Errors
    /// If the coordinator cannot be reached or refuses, or content cannot be read or is not what its digest says.
    pub async fn upload(
        &self,
        digests: &[Digest],
        source: Arc<dyn BlobSource>,
        progress: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<u64, UploadError> {
        let mut missing = self.missing(digests).await?;
        missing.sort_unstable();
        missing.dedup();
        let sent = missing.iter().map(|digest| digest.size_bytes).sum();
        let all: u64 = digests.iter().map(|digest| digest.size_bytes).sum();
        progress(all.saturating_sub(sent));
        let work = batches(missing);
        let small = work.small.into_iter().map(Work::Batch);
        stream::iter(work.large.into_iter().map(Work::Stream).chain(small))
            .map(|work| self.clone().upload_part(work, Arc::clone(&source), Arc::clone(&progress)))
            .buffer_unordered(CALLS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(sent)
    }

    /// Stores `content` unless the coordinator has it. Says its digest.
    ///
    /// # Errors
    /// If the coordinator cannot be reached or refuses.
    pub async fn put(&self, content: impl Into<Bytes>) -> Result<Digest, UploadError> {
        let content = content.into();
        let digest = digest_of(&content);
        self.upload(&[digest], Arc::new(content), Arc::new(|_| ())).await?;
        Ok(digest)
    }

    async fn upload_part(
        self,
        work: Work,
        source: Arc<dyn BlobSource>,
        progress: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<(), UploadError> {
        let stored = match work {
            Work::Batch(digests) => {
                let bytes = digests.iter().map(|digest| digest.size_bytes).sum();
                self.upload_batch(digests, source).await?;
                bytes
            }
            Work::Stream(digest) => {
                self.upload_stream(digest, source).await?;
                digest.size_bytes
            }
        };
        progress(stored);
        Ok(())
    }

    async fn upload_batch(&self, digests: Vec<Digest>, source: Arc<dyn BlobSource>) -> Result<(), UploadError> {
        let requests = blocking(move || read_batch(&digests, &*source)).await?;
        let request = BatchUpdateBlobsRequest {
            instance_name: String::new(),
            requests,
            digest_function: digest_function::Value::Sha256.into(),
        };
        retried(self.patience, || {
            let (mut storage, request) = (self.storage(), request.clone());
            async move {
                let answer = storage.batch_update_blobs(request).await?.into_inner();
                let statuses = answer.responses.into_iter().filter_map(|response| response.status);
                match statuses.into_iter().find(|status| status.code != 0) {
                    Some(status) => Err(Status::new(Code::from_i32(status.code), status.message)),
                    None => Ok(()),
                }
            }
        })
        .await
        .map_err(|status| CallError::from(status).into())
    }

    async fn upload_stream(&self, digest: Digest, source: Arc<dyn BlobSource>) -> Result<(), UploadError> {
        let name = write_name(&uuid::Uuid::new_v4(), &digest);
        let mut backoff = self.patience.begin();
        let mut stored = 0;
        loop {
            let status = match self.write_from(stored, &name, digest, &source).await? {
                Ok(()) => return Ok(()),
                Err(status) if status.code() == Code::InvalidArgument => {
                    return Err(UploadError::Changed(source.name(&digest)));
                }
                Err(status) => status,
            };
            backoff.wait(status).await.map_err(CallError::from)?;
            let before = stored;
            stored = self.bytes_stored(&name).await?;
            if stored > before {
                backoff.progressed();
            }
        }
    }

    async fn bytes_stored(&self, name: &str) -> Result<u64, CallError> {
        let request = QueryWriteStatusRequest { resource_name: name.to_owned() };
        let answer = retried(self.patience, || {
            let (mut byte_stream, request) = (self.byte_stream(), request.clone());
            async move { byte_stream.query_write_status(request).await }
        })
        .await;
        match answer {
            Ok(answer) => Ok(u64::try_from(answer.into_inner().committed_size).unwrap_or(0)),
            Err(status) if status.code() == Code::NotFound => Ok(0),
            Err(status) => Err(status.into()),
        }
    }

    /// One try to send the content from `offset` to its end.
    async fn write_from(
        &self,
        offset: u64,
        name: &str,
        digest: Digest,
        source: &Arc<dyn BlobSource>,
    ) -> Result<Result<(), Status>, UploadError> {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let read_so_far = Arc::new(AtomicU64::new(0));
        let reader = tokio::task::spawn_blocking({
            let (source, name, count) = (Arc::clone(source), name.to_owned(), Arc::clone(&read_so_far));
            move || send_chunks(&*source, &Resume { name, digest, offset }, &sender, &count)
        });
        let outcome = {
            let mut byte_stream = self.byte_stream();
            let call = byte_stream.write(ReceiverStream::new(receiver));
            while_moving(call, &read_so_far).await
        };
        let read = reader.await.map_err(io::Error::other).and_then(|read| read);
        read.map_err(|error| UploadError::Read { name: source.name(&digest), source: error })?;
        Ok(outcome.and_then(|answer| {
            let stored = answer.into_inner().committed_size;
            if u64::try_from(stored).is_ok_and(|stored| stored == digest.size_bytes) {
                Ok(())
            } else {
                Err(Status::unavailable(format!("only {stored} bytes of {digest} were stored")))
            }
        }))
    }
}

impl BlobSource for Bytes {
    fn open(&self, _: &Digest) -> io::Result<BlobContent> {
        Ok(BlobContent::Bytes(self.clone()))
    }

    fn name(&self, digest: &Digest) -> String {
        format!("blob {digest}")
    }
}

enum Work {
    Batch(Vec<Digest>),
    Stream(Digest),
}

struct Resume {
    name: String,
    digest: Digest,
    offset: u64,
}

fn read_batch(digests: &[Digest], source: &dyn BlobSource) -> Result<Vec<Request>, UploadError> {
    digests
        .iter()
        .map(|digest| {
            let data = read_whole(source, digest)
                .map_err(|error| UploadError::Read { name: source.name(digest), source: error })?;
            if digest_of(&data) != *digest {
                return Err(UploadError::Changed(source.name(digest)));
            }
            Ok(Request { digest: Some(to_reapi(digest)), data, compressor: 0 })
        })
        .collect()
}

fn read_whole(source: &dyn BlobSource, digest: &Digest) -> io::Result<Vec<u8>> {
    match source.open(digest)? {
        BlobContent::Bytes(bytes) => Ok(bytes.into()),
        BlobContent::File(file) => {
            let mut data = Vec::with_capacity(usize::try_from(digest.size_bytes).unwrap_or(0) + 1);
            // One byte more than it should have: a file that has grown is then found out by its digest.
            file.take(digest.size_bytes + 1).read_to_end(&mut data)?;
            Ok(data)
        }
    }
}

/// Sends the content from an offset on. Ends early, without an error, when nobody listens any more.
fn send_chunks(
    source: &dyn BlobSource,
    resume: &Resume,
    sender: &mpsc::Sender<WriteRequest>,
    count: &AtomicU64,
) -> io::Result<()> {
    let mut content = opened_at(source, &resume.digest, resume.offset)?;
    let mut offset = resume.offset;
    let mut name = resume.name.clone();
    loop {
        let mut data = vec![0; BLOB_CHUNK_BYTES_MAX];
        let length = fill(&mut content, &mut data)?;
        data.truncate(length);
        let finish_write = length < BLOB_CHUNK_BYTES_MAX;
        let write_offset = i64::try_from(offset).map_err(io::Error::other)?;
        let message = WriteRequest { resource_name: std::mem::take(&mut name), write_offset, finish_write, data };
        if sender.blocking_send(message).is_err() || finish_write {
            return Ok(());
        }
        offset += length as u64;
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn opened_at(source: &dyn BlobSource, digest: &Digest, offset: u64) -> io::Result<Box<dyn io::Read>> {
    match source.open(digest)? {
        BlobContent::Bytes(bytes) => {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            Ok(Box::new(io::Cursor::new(bytes.slice(offset..))))
        }
        BlobContent::File(mut file) => {
            file.seek(SeekFrom::Start(offset))?;
            Ok(Box::new(file))
        }
    }
}

fn fill(content: &mut dyn io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match content.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// The outcome of `call`, given up only when no chunk has gone out for as long as an answer may take.
async fn while_moving<T>(call: impl Future<Output = Result<T, Status>>, sent: &AtomicU64) -> Result<T, Status> {
    tokio::pin!(call);
    let mut before = sent.load(Ordering::Relaxed);
    loop {
        match answered(async { Ok(call.as_mut().await) }).await {
            Ok(outcome) => return outcome,
            Err(silence) => {
                let now = sent.load(Ordering::Relaxed);
                if now == before {
                    return Err(silence);
                }
                before = now;
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
) -> Result<T, UploadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| UploadError::Read { name: "content to upload".to_owned(), source: io::Error::other(error) })?
}

const CHUNKS_AHEAD: usize = 4;
