//! What a scenario file says.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What is done.
    #[expect(dead_code, reason = "there is one kind so far; the field holds the files to it")]
    kind: Kind,
    /// Fake agents.
    pub(crate) agents: u32,
    /// Slots of each.
    pub(crate) slots: u32,
    /// Jobs in all.
    pub(crate) jobs: u32,
    /// Clients that submit, each one run at a time.
    pub(crate) producers: u32,
    /// How long the whole may take.
    pub(crate) seconds_max: u64,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Runs of one job that does nothing.
    Noop,
}

impl Scenario {
    /// Reads a scenario's file.
    ///
    /// # Errors
    /// If it cannot be read or has an unknown or missing key.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a scenario", path.display()))
    }

    /// Refuses numbers that make no sense.
    ///
    /// # Errors
    /// If something is zero or over its limit.
    pub(crate) fn check(&self) -> Result<()> {
        for (name, value, max) in [
            ("agents", self.agents, AGENTS_MAX),
            ("slots", self.slots, muster_common::limits::SLOTS_PER_AGENT_MAX),
            ("jobs", self.jobs, JOBS_MAX),
            ("producers", self.producers, PRODUCERS_MAX),
        ] {
            ensure!((1..=max).contains(&value), "`{name}` is {value}; it must be from 1 to {max}");
        }
        Ok(())
    }
}

const AGENTS_MAX: u32 = 20_000;
const JOBS_MAX: u32 = 10_000_000;
const PRODUCERS_MAX: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_is_shipped_reads() {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"));
        let mut count = 0;
        for entry in std::fs::read_dir(folder).expect("scenarios are shipped") {
            let path = entry.expect("the folder can be listed").path();
            Scenario::read(&path).and_then(|scenario| scenario.check()).expect("a shipped scenario is right");
            count += 1;
        }
        assert!(count > 0);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = "kind = \"noop\"\nagents = 1\nslots = 1\njobs = 1\nproducers = 1\nseconds_max = 1\nagent = 2\n";
        assert!(toml::from_str::<Scenario>(text).is_err());
    }
}
