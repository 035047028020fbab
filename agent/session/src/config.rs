//! What a session is told once, when it is made.

use std::time::Duration;

use muster_common::id::{AgentLife, AgentName};
use muster_common::requirement::Labels;

/// Policy. What the coordinator decides (heartbeat, lease times) comes with its first message instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Shortest pause before the stream is opened again.
    pub backoff_min: Duration,
    /// Longest pause before the stream is opened again.
    pub backoff_max: Duration,
    /// How long connecting and the coordinator's first message may take together.
    pub open_timeout: Duration,
    /// How long before its lease ends non-repeatable work is stopped: time to stop it, and drift of clocks.
    pub fence_guard: Duration,
    /// A shard asks for more tests as soon as no more than this many have no result.
    pub prefetch_tests: usize,
    /// Bytes of messages that are sent and not acknowledged at one time. A single message may be longer.
    pub window_bytes: usize,
    /// Messages that are sent and not acknowledged at one time.
    pub window_messages: usize,
    /// Bytes in the spool from which on [`crate::Load::is_full`] tells the shell to take no more from its attempts.
    pub spool_bytes_max: usize,
    /// How long a coordinator with another store is refused for the sake of work that is held for the known one.
    pub foreign_patience: Duration,
    /// Seed of the jitter of pauses.
    pub seed: u64,
}

/// Who the agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub agent: AgentName,
    /// This life of its process.
    pub life: AgentLife,
    /// Its labels.
    pub labels: Labels,
    /// How many attempts it runs at one time.
    pub slots: u32,
    /// Version of its binary.
    pub version: String,
    /// Optional parts of the protocol that it speaks.
    pub features: Vec<String>,
}

#[cfg(test)]
impl Identity {
    /// Of an agent with one slot, for tests.
    pub(crate) fn plain() -> Self {
        Self {
            agent: AgentName("a1".to_owned()),
            life: AgentLife(1),
            labels: Labels::new(),
            slots: 1,
            version: String::new(),
            features: Vec::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            open_timeout: Duration::from_secs(10),
            fence_guard: Duration::from_secs(15),
            prefetch_tests: 1,
            window_bytes: 8 << 20,
            window_messages: 512,
            spool_bytes_max: 64 << 20,
            foreign_patience: Duration::from_secs(60),
            seed: 0,
        }
    }
}
