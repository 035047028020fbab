//! The coordinator: durable queue, gRPC services, blobs and logs around the pure scheduler.
//!
//! - [`start`] puts the parts together; [`Coordinator`] is what runs, [`Options`] what it is given.
//! - `handle` → `driver` → `commits`: inputs are queued, stepped by the scheduler, made durable; then `effects` go out to
//!   `sessions` of agents, `watchers` of runs, callers, and `reports`.
//! - `grpc/`: the services, and the only place where messages of the interface meet our own types.
//! - [`store`]: durable rows. [`blobs`]: content by its digest. `logs`: logs of attempts. `history`: retired runs.

pub mod blobs;
pub mod store;

mod commits;
mod coordinator;
mod driver;
mod effects;
mod grpc;
mod handle;
mod history;
mod logs;
mod options;
mod report;
mod reports;
mod sessions;
mod stalls;
mod watchers;

pub use commits::BeginError;
pub use coordinator::{Coordinator, Failure, StartError, start};
pub use driver::LifeError;
pub use grpc::{Address, BindError, Listen};
pub use options::Options;
