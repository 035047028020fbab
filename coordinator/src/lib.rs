//! The coordinator: durable queue, gRPC services, blobs and logs around the pure scheduler.
//!
//! - [`start`] puts the parts together; [`Coordinator`] is what runs, [`Options`] what it is given.
//! - `life`: how a life begins on the store, or waits for room on its disk; `reader` answers meanwhile.
//! - `handle` → `driver` → `commits`: inputs are queued, stepped by the scheduler, made durable; then `effects` go out to
//!   `sessions` of agents, `watchers` of runs, callers, and `reports`.
//! - `grpc/`: the services, and the only place where messages of the interface meet our own types.
//! - [`store`]: durable rows. [`blobs`]: content by its digest. `logs`: logs of attempts. `history`: retired runs.
//! - [`backup`]: all of that in one file, and back.

pub mod backup;
pub mod blobs;
pub mod store;

mod commits;
mod condition;
mod coordinator;
mod driver;
mod effects;
mod grpc;
mod handle;
mod history;
mod life;
mod logs;
mod options;
mod reader;
mod report;
mod reports;
mod sessions;
mod watchers;

pub use commits::BeginError;
pub use condition::Condition;
pub use coordinator::{Coordinator, Failure, StartError, start};
pub use grpc::{Address, BindError, Listen};
pub use life::LifeError;
pub use options::Options;
