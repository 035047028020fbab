//! Names of runs, jobs, tests, agents, sessions and leases.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One submission of a pipeline: a number that rises by one with each accepted run of a coordinator's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

/// A job's place in its run's [`crate::spec::RunSpec::jobs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobIndex(pub u32);

/// One job of one run. Shown as `42/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId {
    /// The run it belongs to.
    pub run: RunId,
    /// Its place in that run.
    pub job: JobIndex,
}

/// A test's place in the order in which its job's discovery listed it, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TestIndex(pub u32);

/// A shard of one test job, numbered from 0 in the order in which shards were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardIndex(pub u32);

/// One life of a coordinator on its store. Durably raised before the first step of every life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// A fencing token: the name of one lease of an attempt or of a batch. Strictly rising, never given out twice, also
/// across coordinator lives, because the epoch comes first. Shown as `7.1203`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token {
    /// The coordinator life that gave it out.
    pub epoch: Epoch,
    /// Its number within that life, from 1.
    pub counter: u64,
}

/// An agent, by the name it registered under (with certificates: its identity). At most
/// [`crate::limits::AGENT_NAME_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentName(pub String);

/// One life of an agent process, drawn at random when it starts: tells a reconnect from a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentLife(pub u64);

/// One open stream of an agent, numbered by the coordinator within its own life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// Text is not an id of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseIdError {
    text: String,
    expected: &'static str,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for JobIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.run, self.job)
    }
}

impl fmt::Display for TestIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for ShardIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.counter)
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AgentLife {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for RunId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| ParseIdError { text: text.to_owned(), expected: "a run number such as 42" })
    }
}

impl FromStr for Token {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('.').and_then(|(epoch, counter)| {
            Some(Self { epoch: Epoch(epoch.parse().ok()?), counter: counter.parse().ok()? })
        });
        parsed.ok_or_else(|| ParseIdError { text: text.to_owned(), expected: "a fencing token such as 7.1203" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_later_epoch_is_higher_whatever_its_counter() {
        let old = Token { epoch: Epoch(1), counter: 900 };
        let new = Token { epoch: Epoch(2), counter: 1 };
        assert!(new > old);
    }

    #[test]
    fn a_token_reads_back_from_its_text() {
        let token = Token { epoch: Epoch(7), counter: 1203 };
        assert_eq!(token.to_string().parse(), Ok(token));
        assert!("7".parse::<Token>().is_err());
    }
}
