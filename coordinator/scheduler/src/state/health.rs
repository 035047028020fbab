//! What is remembered of agents: how often tests failed on each that passed elsewhere, and which are fenced off.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use muster_common::id::{AgentName, RunId};
use muster_common::limits::AGENTS_REMEMBERED_MAX;
use muster_common::time::Wall;

use super::memory::{agent_number, run_number};
use crate::policy::diagnosis::{self, Tally};
use crate::{AgentHealthRow, Fence, Key, RecentOutcome};

/// All agents of which something is remembered, by their short numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    agents: BTreeMap<u32, AgentHealthRow>,
    /// Tries that rows do not count yet.
    unwritten: BTreeMap<u32, u32>,
}

impl Health {
    /// Whether what an agent said was no sign, because the agent was sick.
    pub(crate) fn is_discredited(&self, outcome: &RecentOutcome) -> bool {
        self.agents.get(&outcome.agent).is_some_and(|row| row.discredited_until >= outcome.run)
    }

    /// Why an agent is fenced off, if it is.
    pub(crate) fn fence(&self, agent: &AgentName) -> Option<&Fence> {
        self.find(agent)?.fence.as_ref()
    }

    fn find(&self, agent: &AgentName) -> Option<&AgentHealthRow> {
        self.agents.get(&agent_number(agent)).filter(|row| row.agent == *agent)
    }

    /// Takes what a run has shown of an agent. Returns its number if its row has changed: tries without a surprise are
    /// written many at a time.
    pub(crate) fn observe(&mut self, agent: &AgentName, seen: Tally, tests: &[u32], at: Wall) -> Option<u32> {
        let number = agent_number(agent);
        let is_new = !self.agents.contains_key(&number);
        let row = self.agents.entry(number).or_insert_with(|| fresh(number, agent, at));
        if row.agent != *agent {
            return None;
        }
        let unwritten = self.unwritten.entry(number).or_default();
        *unwritten = unwritten.saturating_add(seen.tries);
        if seen.surprises == 0 && *unwritten < TRIES_UNWRITTEN_MAX && !is_new {
            return None;
        }
        row.last_seen = at;
        row.tries = row.tries.saturating_add(std::mem::take(unwritten));
        row.surprises = row.surprises.saturating_add(seen.surprises);
        for test in tests {
            if !row.tests.contains(test) {
                row.tests.push(*test);
            }
        }
        row.tests.drain(..row.tests.len().saturating_sub(TESTS_MAX));
        if row.tries > TRIES_MAX {
            row.tries /= 2;
            row.surprises /= 2;
            if row.surprises == 0 {
                row.tests.clear();
            }
        }
        Some(number)
    }

    fn tally(&self, row: &AgentHealthRow) -> Tally {
        let unwritten = self.unwritten.get(&row.number).copied().unwrap_or(0);
        Tally { tries: row.tries.saturating_add(unwritten), surprises: row.surprises }
    }

    /// Those of these agents that are sick and not fenced off, the worst first.
    pub(crate) fn sick<'a>(&self, among: impl Iterator<Item = &'a AgentName>) -> Vec<AgentName> {
        let mut among = among.peekable();
        if among.peek().is_none() {
            return Vec::new();
        }
        let trusted = || self.agents.values().filter(|row| row.fence.is_none());
        let all = trusted().fold(Tally::default(), |sum, row| sum.plus(self.tally(row)));
        let mut agents_of_test: BTreeMap<u32, u32> = BTreeMap::new();
        for test in trusted().flat_map(|row| &row.tests) {
            *agents_of_test.entry(*test).or_default() += 1;
        }
        let mut sick: Vec<(Reverse<u64>, AgentName)> = among
            .filter_map(|agent| {
                let row = self.find(agent).filter(|row| row.fence.is_none())?;
                let own = self.tally(row);
                let share = u64::from(own.surprises) * 1_000_000 / u64::from(own.tries.max(1));
                // A test that surprised on another agent too may be flaky itself.
                let own_tests = row.tests.iter().filter(|test| agents_of_test.get(test) == Some(&1)).count();
                diagnosis::is_sick(own, own_tests, all.minus(own)).then(|| (Reverse(share), agent.clone()))
            })
            .collect();
        sick.sort();
        sick.into_iter().map(|(_, agent)| agent).collect()
    }

    /// An agent is fenced off: nothing that it ever said of a test counts as a sign. Returns its number.
    pub(crate) fn fence_off(&mut self, agent: &AgentName, at: Wall) -> Option<u32> {
        let row = self.agents.get_mut(&agent_number(agent)).filter(|row| row.agent == *agent)?;
        let reason = format!(
            "{} of {} tries failed here and passed elsewhere, of {} or more different tests",
            row.surprises,
            row.tries,
            row.tests.len()
        );
        row.fence = Some(Fence { reason, since: at });
        row.discredited_until = u32::MAX;
        Some(row.number)
    }

    /// An agent is trusted again: what it says from now on counts. Returns its number, if it was fenced off.
    pub(crate) fn trust(&mut self, agent: &AgentName, newest: RunId) -> Option<u32> {
        let row = self.agents.get_mut(&agent_number(agent)).filter(|row| row.agent == *agent)?;
        row.fence.take()?;
        row.discredited_until = run_number(newest);
        (row.tries, row.surprises) = (0, 0);
        row.tests.clear();
        Some(row.number)
    }

    /// Agents that are fenced off.
    pub(crate) fn fenced(&self) -> usize {
        self.agents.values().filter(|row| row.fence.is_some()).count()
    }

    /// Those that were fenced off before this moment.
    pub(crate) fn fenced_before(&self, at: Wall) -> Vec<AgentName> {
        let fenced = self.agents.values().filter(|row| row.fence.as_ref().is_some_and(|fence| fence.since < at));
        fenced.map(|row| row.agent.clone()).collect()
    }

    /// Forgets the agents that were not seen for longest, if there are too many; returns their keys.
    pub(crate) fn forget_excess(&mut self) -> Vec<Key> {
        let excess = self.agents.len().saturating_sub(AGENTS_REMEMBERED_MAX);
        if excess == 0 {
            return Vec::new();
        }
        let mut oldest: Vec<(bool, Wall, u32)> =
            self.agents.values().map(|row| (row.fence.is_some(), row.last_seen, row.number)).collect();
        oldest.sort_unstable();
        oldest.truncate(excess);
        for (.., number) in &oldest {
            self.agents.remove(number);
            self.unwritten.remove(number);
        }
        oldest.into_iter().map(|(.., number)| Key::AgentHealth(number)).collect()
    }

    pub(crate) fn restore(&mut self, row: AgentHealthRow) {
        self.agents.insert(row.number, row);
    }

    pub(crate) fn row(&self, number: u32) -> Option<AgentHealthRow> {
        self.agents.get(&number).cloned()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.agents.keys().map(|number| Key::AgentHealth(*number))
    }
}

fn fresh(number: u32, agent: &AgentName, at: Wall) -> AgentHealthRow {
    AgentHealthRow {
        number,
        agent: agent.clone(),
        tries: 0,
        surprises: 0,
        tests: Vec::new(),
        last_seen: at,
        discredited_until: 0,
        fence: None,
    }
}

/// Tries over which an agent is judged; the older half goes when there are more.
const TRIES_MAX: u32 = 4_000;
/// An agent's row counts its tries after so many at the latest.
const TRIES_UNWRITTEN_MAX: u32 = 500;
/// Different tests that are kept of one agent.
const TESTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> AgentName {
        AgentName(name.to_owned())
    }

    #[test]
    fn a_sick_agent_is_found_fenced_off_and_trusted_again() {
        let mut health = Health::default();
        let at = Wall { unix_ms: 5 };
        for place in 0..20 {
            health.observe(&named(&format!("a{place}")), Tally { tries: 100, surprises: 0 }, &[], at);
        }
        health.observe(&named("bad"), Tally { tries: 100, surprises: 6 }, &[1, 2, 3, 4, 5, 6], at);
        let all: Vec<AgentName> = (0..20).map(|place| named(&format!("a{place}"))).chain([named("bad")]).collect();
        assert_eq!(health.sick(all.iter()), [named("bad")]);
        let number = health.fence_off(&named("bad"), at).expect("it is known");
        let fence = health.fence(&named("bad")).expect("it is fenced off");
        assert!(fence.reason.starts_with("6 of 100 tries"), "{}", fence.reason);
        assert!(health.sick(all.iter()).is_empty());
        let said = |run| RecentOutcome {
            run,
            agent: number,
            content: 1,
            outcome: crate::RememberedOutcome::Flaky,
            sighting: 1,
            tries: 2,
        };
        assert!(health.is_discredited(&said(3)));
        assert_eq!(health.trust(&named("bad"), RunId(7)), Some(number));
        assert!(health.is_discredited(&said(7)) && !health.is_discredited(&said(8)));
        assert_eq!(health.trust(&named("bad"), RunId(7)), None, "it was not fenced off");
    }

    #[test]
    fn of_several_sick_agents_the_worst_is_first() {
        let mut health = Health::default();
        let at = Wall::default();
        let (bad, worse) = (named("bad"), named("worse"));
        health.observe(&named("good"), Tally { tries: 90_000, surprises: 0 }, &[], at);
        health.observe(&bad, Tally { tries: 100, surprises: 8 }, &[1, 2, 3, 4, 5, 6], at);
        health.observe(&worse, Tally { tries: 300, surprises: 60 }, &[11, 12, 13, 14, 15, 16], at);
        assert_eq!(health.sick([&bad, &worse].into_iter()), [worse, bad]);
    }

    #[test]
    fn a_test_that_surprised_on_another_agent_too_is_no_sign_unless_that_one_is_fenced_off() {
        let mut health = Health::default();
        let at = Wall::default();
        let (bad, other) = (named("bad"), named("other"));
        health.observe(&named("good"), Tally { tries: 4_000, surprises: 0 }, &[], at);
        health.observe(&bad, Tally { tries: 100, surprises: 6 }, &[1, 2, 3, 4, 5], at);
        health.observe(&other, Tally { tries: 4_000, surprises: 1 }, &[5], at);
        assert!(health.sick([&bad, &other].into_iter()).is_empty(), "the fifth test may be flaky");
        health.fence_off(&other, at);
        assert_eq!(health.sick([&bad, &other].into_iter()), [bad]);
    }

    #[test]
    fn tries_without_a_surprise_are_written_many_at_a_time() {
        let mut health = Health::default();
        let agent = named("a");
        let mut observe = |tries, surprises, tests: &[u32]| {
            let written = health.observe(&agent, Tally { tries, surprises }, tests, Wall::default());
            written.and_then(|number| health.row(number)).map(|row| (row.tries, row.surprises, row.tests))
        };
        assert_eq!(observe(10, 0, &[]), Some((10, 0, vec![])), "it is new");
        assert_eq!(observe(TRIES_UNWRITTEN_MAX - 1, 0, &[]), None);
        assert_eq!(observe(1, 0, &[]), Some((TRIES_UNWRITTEN_MAX + 10, 0, vec![])));
        assert_eq!(observe(5, 2, &[7, 8]), Some((TRIES_UNWRITTEN_MAX + 15, 2, vec![7, 8])));
    }

    #[test]
    fn what_an_agent_did_long_ago_counts_half_and_is_forgotten_in_the_end() {
        let mut health = Health::default();
        let agent = named("a");
        let mut observe = |tries, surprises, tests: &[u32]| {
            let number = health.observe(&agent, Tally { tries, surprises }, tests, Wall::default());
            let row = number.and_then(|number| health.row(number)).expect("so many tries are written");
            (row.tries, row.surprises, row.tests)
        };
        assert_eq!(observe(TRIES_MAX, 3, &[7]), (TRIES_MAX, 3, vec![7]));
        assert_eq!(observe(TRIES_MAX, 0, &[]), (TRIES_MAX, 1, vec![7]));
        assert_eq!(observe(TRIES_MAX, 0, &[]), (TRIES_MAX, 0, vec![]));
    }

    #[test]
    fn the_worst_agent_comes_first_and_fences_are_counted_by_their_age() {
        let mut health = Health::default();
        let (bad, worse) = (named("bad"), named("worse"));
        let at = |unix_ms| Wall { unix_ms };
        health.observe(&named("good"), Tally { tries: 4_000, surprises: 0 }, &[], at(1));
        health.observe(&bad, Tally { tries: 100, surprises: 6 }, &[1, 2, 3, 4, 5, 6], at(1));
        health.observe(&worse, Tally { tries: 70, surprises: 7 }, &[11, 12, 13, 14, 15, 16], at(1));
        assert_eq!(health.sick([&bad, &worse].into_iter()), [worse.clone(), bad.clone()]);
        assert_eq!(health.fenced(), 0);
        health.fence_off(&bad, at(5));
        health.fence_off(&worse, at(6));
        assert_eq!(health.fenced(), 2);
        assert_eq!((health.fenced_before(at(5)), health.fenced_before(at(6))), (vec![], vec![bad]));
    }

    #[test]
    fn the_agents_that_were_not_seen_for_longest_are_forgotten_but_for_fenced_ones() {
        let mut health = Health::default();
        for place in 0..AGENTS_REMEMBERED_MAX as u64 + 2 {
            health.observe(&named(&format!("a{place}")), Tally::default(), &[], Wall { unix_ms: place });
        }
        health.fence_off(&named("a0"), Wall::default());
        let gone = health.forget_excess();
        assert_eq!(gone, [Key::AgentHealth(agent_number(&named("a1"))), Key::AgentHealth(agent_number(&named("a2")))]);
        assert!(health.fence(&named("a0")).is_some() && health.forget_excess().is_empty());
    }
}
