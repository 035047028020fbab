//! What a list is kept under.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use muster_service::version::VERSION;
use sha2::{Digest as _, Sha256};

use crate::runner::context::RunnerContext;

/// Names a kept list: a digest of everything that it follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; 32]);

/// A key in the making. No two drafts with different parts give the same key: every part carries its length.
#[derive(Clone, Debug)]
pub(crate) struct Draft(Sha256);

impl Key {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its bytes as text, such as the name of a file.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Draft {
    /// A draft for a list of this kind. Another version of Muster may list in another way, so it shares none.
    pub(crate) fn new(kind: &str) -> Self {
        let mut draft = Self(Sha256::new());
        draft.add("kind", kind).add("muster", VERSION);
        draft
    }

    /// A draft for a list that is made in `context`: what the job names, and what its commands see, without what says only
    /// which attempt this is and where.
    pub(crate) fn within(kind: &str, context: &RunnerContext) -> Self {
        let mut draft = Self::new(kind);
        for (name, value) in context.lists.variables() {
            draft.add(&format!("job variable {name}"), value);
        }
        for (name, value) in context.environment.iter().filter(|(name, _)| !is_of_attempt(name)) {
            draft.add("variable", name.as_bytes()).add("value", value.as_bytes());
        }
        draft
    }

    /// Adds a part.
    pub(crate) fn add(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// The key.
    pub(crate) fn key(self) -> Key {
        Key(self.0.finalize().into())
    }
}

fn is_of_attempt(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| OF_ATTEMPT.contains(&name))
}

/// Variables of Muster's own that differ from attempt to attempt, from agent to agent, or from slot to slot.
const OF_ATTEMPT: &[&str] = &[
    "CARGO_TARGET_DIR",
    "MUSTER_AGENT",
    "MUSTER_AGENT_MARK",
    "MUSTER_ATTEMPT",
    "MUSTER_ATTEMPT_MARK",
    "MUSTER_FENCING_TOKEN",
    "MUSTER_RUN",
    "MUSTER_SHARD",
    "MUSTER_TEST_ATTEMPT",
    "MUSTER_WORKSPACE",
    "TMPDIR",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[(&str, &str)]) -> Key {
        let mut draft = Draft::new("test");
        for (name, value) in parts {
            draft.add(name, value);
        }
        draft.key()
    }

    #[test]
    fn every_part_changes_the_key_and_its_place_does() {
        let keys = [
            key(&[]),
            key(&[("a", "b")]),
            key(&[("a", "c")]),
            key(&[("ab", "")]),
            key(&[("", "ab")]),
            key(&[("a", "b"), ("a", "b")]),
            key(&[("a", "b"), ("c", "d")]),
            key(&[("c", "d"), ("a", "b")]),
            Draft::new("other").key(),
        ];
        let different: std::collections::BTreeSet<Key> = keys.into_iter().collect();
        assert_eq!(different.len(), keys.len());
        assert_eq!(key(&[("a", "b")]), keys[1]);
        assert_eq!(keys[0].hex().len(), 64);
    }
}
