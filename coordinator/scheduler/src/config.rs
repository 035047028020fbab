//! What an operator may set.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_common::limits::RUNS_OPEN_MAX;

/// Times and bounds by which the scheduler goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Time between an agent's heartbeats. After two missed ones it is suspect.
    pub heartbeat: Duration,
    /// Time without a sign of life after which leases of repeatable work end.
    pub lease: Duration,
    /// The same for work that is not safe to repeat.
    pub lease_unrepeatable: Duration,
    /// Time that an agent has after a restart of the coordinator to claim what it holds.
    pub restore_grace: Duration,
    /// Time that attempts have to say how they ended after they were told to stop; their job ends without their word after it.
    pub stop_grace: Duration,
    /// How long a failed test waits for another agent that works on its job, before it is run again where it failed.
    pub retry_elsewhere: Duration,
    /// Whether a run with a job that no connected agent could ever run is refused, rather than kept waiting for a new agent.
    pub refuse_unsatisfiable: bool,
    /// Runs that may be open at once.
    pub runs_open_max: usize,
    /// Summaries of retired runs, and their request ids, that are kept; the oldest go first.
    pub history_max: usize,
    /// Whether shards of a test job begin while its tests are listed, on slots that no job waits for.
    pub early_shards: bool,
    /// Whether agents that were found sick are fenced off.
    pub fence_sick_agents: bool,
    /// Projects whose flaky tests are put into quarantine without a person; `*` stands for all.
    pub auto_quarantine: BTreeSet<String>,
}

impl Config {
    /// Whether flaky tests of a project are put into quarantine without a person.
    pub(crate) fn quarantines(&self, project: &str) -> bool {
        self.auto_quarantine.contains(project) || self.auto_quarantine.contains(EVERY_PROJECT)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(1_500),
            lease: Duration::from_secs(5),
            lease_unrepeatable: Duration::from_secs(5 * 60),
            restore_grace: Duration::from_secs(60),
            stop_grace: Duration::from_secs(60),
            retry_elsewhere: Duration::from_secs(10),
            refuse_unsatisfiable: false,
            runs_open_max: RUNS_OPEN_MAX,
            history_max: 100_000,
            early_shards: true,
            fence_sick_agents: true,
            auto_quarantine: BTreeSet::new(),
        }
    }
}

/// In the place of a project's name: every project.
const EVERY_PROJECT: &str = "*";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_put_into_quarantine_for_the_projects_that_are_named_or_for_all() {
        let quarantines = |named: &[&str], project| {
            let auto_quarantine = named.iter().map(|name| (*name).to_owned()).collect();
            Config { auto_quarantine, ..Config::default() }.quarantines(project)
        };
        assert!(!quarantines(&[], "shop"));
        assert!(quarantines(&["shop", "site"], "shop") && !quarantines(&["shop"], "site"));
        assert!(quarantines(&["*"], "site"));
    }
}
