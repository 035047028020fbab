//! Which build this is.

/// Version of every Muster binary of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
