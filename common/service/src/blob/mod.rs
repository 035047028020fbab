//! Blobs over the Remote Execution API: content named by its SHA-256 and size.
//!
//! - [`content`]: digests of bytes, and digests as the API writes them.
//! - [`resource`]: names of blobs in the `ByteStream` service, for client and server.
//! - [`client`]: asks which blobs are missing; [`upload`] and [`download`] move them, small ones in batches, large ones
//!   as streams.
//! - `retry`: how long a call is tried again while the coordinator cannot be reached.

pub mod client;
pub mod content;
pub mod download;
pub mod resource;
pub(crate) mod retry;
pub mod upload;

pub(crate) mod batch;

pub use client::BlobClient;
pub use download::DownloadError;
pub use retry::CallError;
pub use upload::{BlobContent, BlobSource, UploadError};
