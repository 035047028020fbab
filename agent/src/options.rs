//! What an agent is started with.

use std::path::PathBuf;
use std::time::Duration;

use muster_common::id::AgentName;
use muster_common::limits::{AGENT_NAME_BYTES_MAX, LABEL_BYTES_MAX, LABELS_PER_AGENT_MAX, SLOTS_PER_AGENT_MAX};
use muster_common::requirement::Labels;
use muster_service::endpoint::Endpoint;
use muster_service::workspace::cache::CACHE_BYTES_DEFAULT;

use crate::attempt::limits::GRACE_DEFAULT;
use crate::isolation::offer::IsolationOptions;

/// What an agent is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the coordinator is.
    pub coordinator: Endpoint,
    /// Whether plaintext may leave the machine.
    pub is_insecure_allowed: bool,
    /// Its name; no two agents of a coordinator may have the same at one time.
    pub name: AgentName,
    /// How many attempts it runs at one time.
    pub slots: u32,
    /// Labels in addition to those of [`crate::inventory`]; they are stronger.
    pub labels: Labels,
    /// Its own directory: workspaces, logs, results that are not yet acknowledged. Only one agent can use it at a time.
    pub directory: PathBuf,
    /// Where blobs are kept; none: in `directory`. Agents of one machine may share it.
    pub cache_directory: Option<PathBuf>,
    /// Where builds of test suites stay warm; none: in `directory`. Agents of one machine may share it. Tests that look for
    /// files by paths that the compiler wrote into them need the same one on all machines.
    pub builds_directory: Option<PathBuf>,
    /// Bytes of blobs that are kept.
    pub cache_bytes_max: u64,
    /// Time between asking a process to stop and ending it.
    pub grace: Duration,
    /// What keeps jobs from everything that is not their own.
    pub isolation: IsolationOptions,
    /// Files of the agent's own, such as its configuration, that no sandboxed job may see.
    pub hidden: Vec<PathBuf>,
}

/// Options that no agent can be started with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The name cannot be one.
    #[error(
        "`{0}` cannot be an agent's name: it must have 1 to {AGENT_NAME_BYTES_MAX} bytes and no control characters"
    )]
    Name(String),
    /// The number of slots is out of range.
    #[error("an agent has 1 to {SLOTS_PER_AGENT_MAX} slots, not {0}")]
    Slots(u32),
    /// A label cannot be one.
    #[error("`{0}` cannot be a label: write `key=value` or `word`, at most {LABEL_BYTES_MAX} bytes")]
    Label(String),
    /// There are too many labels.
    #[error("an agent has at most {LABELS_PER_AGENT_MAX} labels, not {0}")]
    Labels(usize),
}

impl Options {
    /// Options with one slot and no labels of its own.
    #[must_use]
    pub fn new(coordinator: Endpoint, name: impl Into<String>, directory: impl Into<PathBuf>) -> Self {
        Self {
            coordinator,
            is_insecure_allowed: false,
            name: AgentName(name.into()),
            slots: 1,
            labels: Labels::new(),
            directory: directory.into(),
            cache_directory: None,
            builds_directory: None,
            cache_bytes_max: CACHE_BYTES_DEFAULT,
            grace: GRACE_DEFAULT,
            isolation: IsolationOptions::default(),
            hidden: Vec::new(),
        }
    }

    /// Refuses what no agent can be started with.
    ///
    /// # Errors
    /// If a name, a number or a label is out of its bounds.
    pub fn check(&self) -> Result<(), OptionsError> {
        let name = &self.name.0;
        if name.is_empty() || name.len() > AGENT_NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(OptionsError::Name(name.clone()));
        }
        if self.slots == 0 || self.slots > SLOTS_PER_AGENT_MAX {
            return Err(OptionsError::Slots(self.slots));
        }
        if self.labels.len() > LABELS_PER_AGENT_MAX - crate::inventory::LABELS_FOUND_MAX {
            return Err(OptionsError::Labels(self.labels.len()));
        }
        for (key, value) in &self.labels {
            if key.is_empty() || key.len() + value.len() > LABEL_BYTES_MAX {
                return Err(OptionsError::Label(format!("{key}={value}")));
            }
        }
        Ok(())
    }
}

/// A label as `key=value` or `word`.
///
/// # Errors
/// If it has no key.
pub fn parse_label(text: &str) -> Result<(String, String), OptionsError> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(OptionsError::Label(text.to_owned()));
    }
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs_or_words() {
        assert_eq!(parse_label("os=linux"), Ok(("os".to_owned(), "linux".to_owned())));
        assert_eq!(parse_label("gpu"), Ok(("gpu".to_owned(), String::new())));
        assert!(parse_label("=x").is_err());
    }

    #[test]
    fn bounds_are_held() {
        let good = Options::new(Endpoint::Unix("/a".into()), "a", "/tmp");
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Options { slots: 0, ..good.clone() }.check(), Err(OptionsError::Slots(0)));
        assert!(Options { name: AgentName("x".repeat(129)), ..good }.check().is_err());
    }
}
