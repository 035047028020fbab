//! Blobs: workspaces, artifacts and finished logs, by their content.
//!
//! - [`disk`]: the directory that holds them; `files` is its layout and how a file in it becomes durable.
//! - [`upload`]: content that is arriving piece by piece.
//! - [`error`]: what can go wrong, and what the Remote Execution API calls it.
//! - `cas`, `byte_stream`, `capabilities`: that API's services; [`services()`] makes all three.

pub mod byte_stream;
pub mod capabilities;
pub mod cas;
pub mod disk;
pub mod error;
pub mod services;
pub mod upload;

mod files;
mod tree;

pub use disk::{DiskBlobs, DiskSettings};
pub use error::BlobError;
pub use services::{Services, services};
