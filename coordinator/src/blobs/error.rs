//! [`BlobError`]: what can go wrong with a blob.

use std::collections::HashMap;
use std::io;

use muster_common::digest::Digest;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A blob could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not stored.
    #[error("blob {0} is not stored here")]
    NotFound(Digest),
    /// What came has another digest than was said.
    #[error("the content that came for blob {expected} is {actual}")]
    WrongContent {
        /// What it should have been.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// It is larger than is allowed.
    #[error("blob {digest} is larger than the {bytes_max} bytes that are allowed here")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// The bound.
        bytes_max: u64,
    },
    /// It was stored, and is not what it was any more. It has been set aside, so that it can be stored again.
    #[error("blob {0} was damaged on disk and has been set aside; store it again, and check the coordinator's disk")]
    Damaged(Digest),
    /// There is no room.
    #[error("the coordinator's disk is full: make room on the file system of {directory}")]
    DiskFull {
        /// Where blobs are.
        directory: String,
    },
    /// A piece of an upload does not go on where the last one ended.
    #[error(
        "a piece begins at {offset}, but {stored} bytes of the upload are stored; ask for its state and go on from there"
    )]
    Offset {
        /// Where it begins.
        offset: u64,
        /// Where it should.
        stored: u64,
    },
    /// There are too many uploads that have begun and not ended.
    #[error("more than {uploads_max} uploads are under way; try again later")]
    TooManyUploads {
        /// The bound.
        uploads_max: usize,
    },
    /// Another coordinator uses the directory.
    #[error("another coordinator is using {0}; stop it, or choose another data directory")]
    InUse(String),
    /// The disk failed.
    #[error("cannot use {path}")]
    Io {
        /// What was read or written.
        path: String,
        /// How it failed.
        source: io::Error,
    },
    /// The process is ending.
    #[error("the blob store is stopping")]
    Stopping,
}

impl BlobError {
    /// The name by which programs know it.
    const fn reason(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "BLOB_NOT_FOUND",
            Self::WrongContent { .. } => "BLOB_WRONG_CONTENT",
            Self::TooLarge { .. } => "BLOB_TOO_LARGE",
            Self::Damaged(_) => "BLOB_DAMAGED",
            Self::DiskFull { .. } => "DISK_FULL",
            Self::Offset { .. } => "UPLOAD_OFFSET",
            Self::TooManyUploads { .. } => "TOO_MANY_UPLOADS",
            Self::InUse(_) => "BLOBS_IN_USE",
            Self::Io { .. } => "DISK_FAILED",
            Self::Stopping => "STOPPING",
        }
    }

    const fn code(&self) -> Code {
        match self {
            Self::NotFound(_) => Code::NotFound,
            Self::WrongContent { .. } | Self::TooLarge { .. } => Code::InvalidArgument,
            Self::Damaged(_) => Code::DataLoss,
            Self::DiskFull { .. } => Code::ResourceExhausted,
            // What a client may repeat as it is, it sees as UNAVAILABLE.
            Self::Offset { .. } | Self::TooManyUploads { .. } | Self::Stopping => Code::Unavailable,
            Self::InUse(_) | Self::Io { .. } => Code::Internal,
        }
    }
}

impl From<BlobError> for Status {
    fn from(error: BlobError) -> Self {
        if matches!(error, BlobError::Io { .. } | BlobError::Damaged(_) | BlobError::DiskFull { .. }) {
            tracing::error!(error = &error as &dyn std::error::Error, "blob storage failed");
        }
        let details = ErrorDetails::with_error_info(error.reason(), ERROR_DOMAIN, HashMap::new());
        Self::with_error_details(error.code(), error.to_string(), details)
    }
}

const ERROR_DOMAIN: &str = "muster";
