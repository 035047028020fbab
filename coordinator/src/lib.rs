//! The coordinator: durable queue, gRPC services, blobs and logs around the pure scheduler.

pub mod blobs;
pub mod store;
