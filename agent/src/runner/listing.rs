//! A discovered list: checked name by name, sent in parts, and sealed by its count and digest.

use std::collections::HashSet;

use muster_common::control::Seal;
use muster_common::error_code::ReasonCode;
use muster_common::limits::{TEST_NAME_BYTES_MAX, TESTS_PER_JOB_MAX, TESTS_PER_MESSAGE_MAX};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::failure::RunnerFailure;

/// A list in the making.
#[derive(Debug)]
pub struct Listing {
    part: Vec<String>,
    seen: HashSet<String>,
    hash: Sha256,
    count: u32,
    parts: mpsc::Sender<Vec<String>>,
    /// All names, where somebody wants them.
    remembered: Option<Vec<String>>,
}

impl Listing {
    /// A list whose parts, each at most [`TESTS_PER_MESSAGE_MAX`] names, go into `parts` in order.
    #[must_use]
    pub fn new(parts: mpsc::Sender<Vec<String>>) -> Self {
        Self { part: Vec::new(), seen: HashSet::new(), hash: Sha256::new(), count: 0, parts, remembered: None }
    }

    /// As [`Listing::new`], and it remembers all names.
    #[must_use]
    pub fn remembering(parts: mpsc::Sender<Vec<String>>) -> Self {
        Self { remembered: Some(Vec::new()), ..Self::new(parts) }
    }

    /// Adds a name.
    ///
    /// # Errors
    /// If it is empty, too long, holds a zero byte or stands in the list already, or if the list is full.
    pub async fn push(&mut self, name: String) -> Result<(), RunnerFailure> {
        check(&name)?;
        if self.count as usize == TESTS_PER_JOB_MAX {
            let message =
                format!("discovery found more than {TESTS_PER_JOB_MAX} tests; split the suite into several jobs");
            return Err(RunnerFailure::user(ReasonCode::LimitExceeded, message));
        }
        if !self.seen.insert(name.clone()) {
            let message = format!("discovery listed `{name}` twice; every test needs a name of its own");
            return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
        }
        self.hash.update(name.as_bytes());
        self.hash.update([0]);
        self.count += 1;
        if let Some(remembered) = &mut self.remembered {
            remembered.push(name.clone());
        }
        self.part.push(name);
        if self.part.len() == TESTS_PER_MESSAGE_MAX {
            self.send().await?;
        }
        Ok(())
    }

    /// The names that it was given so far, if it remembers them.
    pub fn remembered(&mut self) -> Vec<String> {
        self.remembered.take().unwrap_or_default()
    }

    /// Sends what is left and seals the list. An empty list is sealed too: whether no tests are an error is the
    /// coordinator's to say.
    ///
    /// # Errors
    /// If nobody takes the list any more.
    pub async fn seal(mut self) -> Result<Seal, RunnerFailure> {
        if !self.part.is_empty() {
            self.send().await?;
        }
        Ok(Seal { count: self.count, sha256: self.hash.finalize().into() })
    }

    async fn send(&mut self) -> Result<(), RunnerFailure> {
        let part = std::mem::take(&mut self.part);
        self.parts.send(part).await.map_err(|_| RunnerFailure::cancelled())
    }
}

fn check(name: &str) -> Result<(), RunnerFailure> {
    let start = &name[..name.floor_char_boundary(200)];
    if name.len() > TEST_NAME_BYTES_MAX {
        let message = format!(
            "the name of a test has {} bytes, more than {TEST_NAME_BYTES_MAX}; give its parameters shorter ids: `{start}`…",
            name.len()
        );
        return Err(RunnerFailure::user(ReasonCode::LimitExceeded, message));
    }
    if name.is_empty() || name.contains('\0') {
        let message = format!("discovery listed a test whose name is empty or holds a zero byte: {start:?}");
        return Err(RunnerFailure::user(ReasonCode::DiscoveryFailed, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_comes_in_parts_and_is_sealed_over_all_of_them() {
        let (sender, mut parts) = mpsc::channel(8);
        let mut listing = Listing::new(sender);
        let names: Vec<String> = (0..TESTS_PER_MESSAGE_MAX + 1).map(|index| format!("t{index}")).collect();
        for name in &names {
            listing.push(name.clone()).await.expect("a good name");
        }
        let seal = listing.seal().await.expect("the channel is open");
        assert_eq!(seal.count as usize, names.len());
        let mut hash = Sha256::new();
        names.iter().for_each(|name| hash.update(format!("{name}\0")));
        assert_eq!(seal.sha256, <[u8; 32]>::from(hash.finalize()));
        let received = [parts.recv().await, parts.recv().await].map(|part| part.map(|part| part.len()));
        assert_eq!(received, [Some(TESTS_PER_MESSAGE_MAX), Some(1)]);
    }

    #[tokio::test]
    async fn bad_names_are_refused() {
        let (sender, _parts) = mpsc::channel(8);
        let mut listing = Listing::new(sender);
        listing.push("a".to_owned()).await.expect("a good name");
        for name in ["", "a", "a\0b", &"x".repeat(TEST_NAME_BYTES_MAX + 1)] {
            assert!(listing.push(name.to_owned()).await.is_err(), "{name:.20}");
        }
    }
}
