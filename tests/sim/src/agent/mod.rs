//! A simulated agent: a real session, and around it what the real shell does.

use muster_session::Session;

/// One machine of the fleet.
#[derive(Debug)]
pub struct Agent {
    session: Option<Session>,
    is_frozen: bool,
}

impl Agent {
    /// Its session, while its process runs.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Whether its process stands still.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.is_frozen
    }
}
