//! Muster's gRPC interface and its stored rows, generated from the files in `muster/`.
//!
//! The meaning of every message stands in those files. Nothing here knows about the rest of Muster.

#![allow(missing_docs, clippy::all, unreachable_pub)]

/// The public interface, `muster.v1`: types, clients and servers.
pub mod v1 {
    tonic::include_proto!("muster.v1");
}

/// Rows of the store, `muster.store.v1`.
pub mod store {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("muster.store.v1");
    }
}

/// The compiled `FileDescriptorSet` of everything here, for reflection and for tests over the interface.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("muster_descriptor");
