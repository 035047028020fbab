//! How much an agent keeps a job from the rest of the machine.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// How much an agent keeps a job from the rest of the machine; each level holds all that the ones before it do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Nothing: a job may do what the agent may. For jobs of people who could log in to the machine as well.
    #[default]
    None,
    /// Jobs run as another account, and nothing that they start can become more than that.
    User,
    /// Jobs see their own files, processes and devices, read-only tools of the machine, and nothing else.
    Sandbox,
}

/// What a sandboxed job reaches over the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxNetwork {
    /// Its own loopback, shared by the commands of one attempt.
    #[default]
    None,
    /// All that the machine reaches, services on its loopback and a cloud's metadata address included.
    Host,
}

/// A word that names no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level of isolation: write none, user or sandbox")]
pub struct LevelError(String);

/// A word that names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network of a sandbox: write none or host")]
pub struct NetworkError(String);

impl Isolation {
    /// The word that configurations and labels use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::User => "user",
            Self::Sandbox => "sandbox",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Isolation {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        let all = [Self::None, Self::User, Self::Sandbox];
        all.into_iter().find(|level| level.word() == text).ok_or_else(|| LevelError(text.to_owned()))
    }
}

impl FromStr for SandboxNetwork {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        match text {
            "none" => Ok(Self::None),
            "host" => Ok(Self::Host),
            _ => Err(NetworkError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_an_order_and_read_back_from_their_words() {
        assert!(Isolation::None < Isolation::User && Isolation::User < Isolation::Sandbox);
        for level in [Isolation::None, Isolation::User, Isolation::Sandbox] {
            assert_eq!(level.word().parse(), Ok(level));
        }
        assert!("container".parse::<Isolation>().is_err());
        assert_eq!("host".parse(), Ok(SandboxNetwork::Host));
    }
}
