//! Plumbing that every Muster process needs, and no decisions.
//!
//! - [`wire`]: between the wire's messages and `muster_common`'s values, checked once, here.
//! - [`endpoint`]: where a coordinator is, and the connection to it.
//! - [`clock`]: the only place where the time is read. [`shutdown`]: the flag that ends a process's tasks.
//! - [`supervision`]: what systemd is told. [`telemetry`]: logs. [`version`]: which build this is.
//! - [`blob`]: content by its digest, to and from a coordinator. [`workspace`]: directories made of it.

pub mod blob;
pub mod clock;
pub mod endpoint;
pub mod shutdown;
pub mod supervision;
pub mod telemetry;
pub mod version;
pub mod wire;
pub mod workspace;
