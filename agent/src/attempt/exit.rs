//! How a process ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use muster_common::error_code::{Reason, ReasonCode};
use nix::sys::signal::Signal;

/// How a process ended, as exactly as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit status.
    Status(i32),
    /// By a signal that somebody else sent, or its own fault.
    Signal(i32),
    /// Ended here because it ran longer than it may.
    TimedOut(Duration),
    /// Ended here because its caller said so.
    Cancelled,
}

impl Exit {
    /// Whether it ended by itself and said that all is well.
    #[must_use]
    pub const fn is_success(self) -> bool {
        match self {
            Self::Status(status) => status == 0,
            Self::Signal(_) | Self::TimedOut(_) | Self::Cancelled => false,
        }
    }

    /// Whether nobody here ended it.
    #[must_use]
    pub const fn is_own(self) -> bool {
        match self {
            Self::Status(_) | Self::Signal(_) => true,
            Self::TimedOut(_) | Self::Cancelled => false,
        }
    }

    /// Why `what` did not succeed; none if it did.
    #[must_use]
    pub fn reason(self, what: &str) -> Option<Reason> {
        let code = match self {
            Self::Status(0) => return None,
            Self::Status(_) => ReasonCode::ExitStatus,
            Self::Signal(_) => ReasonCode::Signal,
            Self::TimedOut(_) => ReasonCode::Timeout,
            Self::Cancelled => ReasonCode::Cancelled,
        };
        Some(Reason::new(code, format!("{what} {self}")))
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Status(-1),
        }
    }
}

impl fmt::Display for Exit {
    /// A predicate, such as `ended with exit status 3` or `was ended by signal 9 (SIGKILL)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "ended with exit status {status}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "was ended by signal {number} ({signal})"),
                Err(_) => write!(f, "was ended by signal {number}"),
            },
            Self::TimedOut(limit) => write!(f, "ran longer than its limit of {limit:?} and was stopped"),
            Self::Cancelled => f.write_str("was stopped because it was cancelled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_but_status_0_has_a_reason_in_words() {
        assert_eq!(Exit::Status(0).reason("`true`"), None);
        let reason = Exit::Signal(9).reason("`make`").expect("a signal is a reason");
        assert_eq!(reason.code, ReasonCode::Signal);
        assert_eq!(reason.message, "`make` was ended by signal 9 (SIGKILL)");
        assert_eq!(Exit::Signal(77).to_string(), "was ended by signal 77");
        let timed_out = Exit::TimedOut(Duration::from_secs(60)).reason("step `build`").expect("so is a timeout");
        assert_eq!(timed_out.message, "step `build` ran longer than its limit of 60s and was stopped");
    }
}
