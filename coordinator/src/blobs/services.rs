//! The three services together, with the limits of their messages.

use bazel_remote_apis::build::bazel::remote::execution::v2::capabilities_server::CapabilitiesServer;
use bazel_remote_apis::build::bazel::remote::execution::v2::content_addressable_storage_server::ContentAddressableStorageServer;
use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStreamServer;
use muster_common::limits::MESSAGE_BYTES_MAX;

use super::byte_stream::Pieces;
use super::capabilities::BlobCapabilities;
use super::cas::Storage;
use super::disk::DiskBlobs;

/// The Remote Execution API's services over one directory of blobs, to be added to a server.
#[derive(Clone, Debug)]
pub struct Services {
    /// Small blobs in batches, and what is missing.
    pub storage: ContentAddressableStorageServer<Storage>,
    /// Large blobs piece by piece.
    pub byte_stream: ByteStreamServer<Pieces>,
    /// What is offered.
    pub capabilities: CapabilitiesServer<BlobCapabilities>,
}

/// The services over `blobs`. To be made once for a server: an upload is known only to the instance where it began.
#[must_use]
pub fn services(blobs: &DiskBlobs) -> Services {
    Services {
        storage: ContentAddressableStorageServer::new(Storage::new(blobs.clone()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX),
        byte_stream: ByteStreamServer::new(Pieces::new(blobs.clone()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX),
        capabilities: CapabilitiesServer::new(BlobCapabilities),
    }
}
