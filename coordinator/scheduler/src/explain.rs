//! Why tests of groups wait, for people.

use std::collections::BTreeSet;

use muster_common::id::{JobId, TestIndex};
use muster_common::spec::Work;

use crate::scheduler::Scheduler;
use crate::state::Suite;

impl Scheduler {
    /// What a job waits for of which every test that waits needs a place in a group, if there is such a one.
    pub(crate) fn places_waited_for(&self, job: JobId) -> Option<String> {
        let suite = self.job(job).sealed_suite()?;
        if suite.waiting() > 0 {
            return None;
        }
        let test = *suite.blocked().first()?;
        Some(self.place_waited_for(job, suite, test))
    }

    /// What a test waits for; empty: for nothing that is particular to it.
    pub(crate) fn test_waits_for(&self, job: JobId, suite: &Suite, test: TestIndex) -> String {
        let found = suite.test(test);
        if found.verdict.is_some() || !found.live.is_empty() {
            String::new()
        } else if suite.units.is_held_back(test) {
            "the end of the tests that stay together with it and run now".to_owned()
        } else if suite.places.is_open(found.groups) {
            String::new()
        } else {
            self.place_waited_for(job, suite, test)
        }
    }

    fn place_waited_for(&self, job: JobId, suite: &Suite, test: TestIndex) -> String {
        let Work::Tests(spec) = &self.spec(job).work else { return String::new() };
        let full = suite.places.full(suite.test(test).groups).next();
        let Some((place, group)) = full.and_then(|place| Some((place, spec.groups.get(place as usize)?))) else {
            return String::new();
        };
        let mut running: BTreeSet<&str> = BTreeSet::new();
        let mut silent: BTreeSet<&str> = BTreeSet::new();
        for token in suite.places.holders(place) {
            let shard = self.batches.get(&token).map_or(token, |batch| batch.row.shard);
            let Some(lease) = self.leases.get(&shard) else { continue };
            let holders = if lease.is_live() { &mut running } else { &mut silent };
            holders.insert(&lease.row.agent.0);
        }
        let mut text = format!("a place in group `{}`, of which {} may run at one time", group.name, group.limit);
        if !running.is_empty() {
            text += &format!(": taken on {}", named(&running));
        }
        if !silent.is_empty() {
            let among = if running.is_empty() { ":" } else { ", and" };
            text += &format!("{among} kept for what {} may still run, silent as it is", named(&silent));
        }
        text
    }
}

fn named(agents: &BTreeSet<&str>) -> String {
    let names: Vec<String> = agents.iter().take(AGENTS_NAMED).map(|agent| format!("`{agent}`")).collect();
    let more = agents.len() - names.len();
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}

/// Agents that are named in one text.
const AGENTS_NAMED: usize = 3;
