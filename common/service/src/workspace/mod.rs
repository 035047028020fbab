//! Workspaces: directories as Merkle trees of blobs, as the Remote Execution API defines them.
//!
//! Towards the coordinator: [`scan`] lists a directory by its ignore files, [`collect`] lists what patterns name;
//! [`hashing`] reads the files, [`tree`] makes `Directory` messages of it all, [`upload`] stores what is missing.
//!
//! Towards a job: [`plan`] reads and checks trees that others made, [`cache`] keeps blobs near, [`mod@materialise`] makes the
//! directory, [`contents`] says what would be in it, and [`remove`] takes it away, whatever a job has done to it.
//!
//! What is written or read beneath a directory goes through [`root`], which follows no symbolic link; [`path`] and
//! [`links`] say which names and links may exist at all.

pub mod cache;
pub mod collect;
pub mod contents;
pub mod hashing;
pub mod links;
pub mod listing;
pub mod materialise;
pub mod path;
pub mod plan;
pub mod progress;
pub mod remove;
pub mod root;
pub mod scan;
pub mod tree;
pub mod upload;

mod fetch;
mod placement;

pub use cache::BlobCache;
pub use contents::digests_of_files;
pub use listing::ListError;
pub use materialise::{Layer, MaterialiseError, Materialised, Placement, materialise};
pub use path::TreePath;
pub use progress::{Progress, ProgressSink};
pub use remove::remove_tree;
pub use scan::ScanOptions;
pub use upload::{UploadedWorkspace, WorkspaceError, upload_artifact, upload_workspace};
