//! One run: a graph of jobs, some of them from matrices.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::digest::Digest;
use muster_common::limits::TEST_NAME_BYTES_MAX;
use muster_common::spec::{Env, JobSpec, RunSpec};

use super::dice::Dice;
use super::mood::Mood;
use super::{fleet, job, suite};
use crate::plan::{AgentPlan, JobTruth, RunPlan};

/// What has been drawn of a run so far.
pub(super) struct Draft<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) mood: &'a Mood,
    pub(super) agents: &'a [AgentPlan],
    pub(super) jobs: Vec<JobSpec>,
    pub(super) truth: Vec<JobTruth>,
}

/// Draws a run that is submitted at a moment, after others.
pub(super) fn draw(dice: &mut Dice, mood: &Mood, agents: &[AgentPlan], at: Duration, earlier: &[RunPlan]) -> RunPlan {
    let request_id = request_id(dice, mood, earlier);
    let is_again = dice.permille(mood.duplicates);
    let count = if is_again { dice.skewed(3) } else { 0 };
    let mut again: Vec<Duration> = (0..count).map(|_| at + dice.span(1, 120_000)).collect();
    again.sort_unstable();
    let project = dice.one_of(&["web", "web", "core", "tools"]).to_owned();
    let name = dice.one_of(&["ci", "nightly", "release"]).to_owned();
    let workspace = dice.percent(60).then(|| digest(dice));
    let env = env(dice);
    let mut draft = Draft { dice, mood, agents, jobs: Vec::new(), truth: Vec::new() };
    let most = draft.dice.one_of(&[1, 3, 8]);
    let groups = draft.dice.skewed(most);
    for number in 0..groups {
        draft.group(number);
    }
    let only = draft.selection();
    let (jobs, truth) = (draft.jobs, draft.truth);
    RunPlan { at, spec: RunSpec { project, name, workspace, env, jobs, only, stress: None }, request_id, again, truth }
}

impl Draft<'_> {
    /// Whether the first agent can do everything and stays.
    pub(super) fn has_pillar(&self) -> bool {
        self.agents.iter().any(|agent| agent.leaves.is_none() && agent.labels == fleet::all_labels())
    }

    /// Adds the jobs of one key under `jobs:`.
    fn group(&mut self, number: usize) {
        let needs = self.needs();
        let is_matrix = self.dice.percent(25);
        let combinations = if is_matrix { self.dice.between(2..=5) } else { 1 };
        let is_suite = self.dice.percent(45);
        let group = format!("{}-{number}", if is_suite { "test" } else { "job" });
        for combination in 0..combinations {
            let name = if is_matrix { format!("{group} ({combination}, linux)") } else { group.clone() };
            if is_suite {
                suite::add(self, &name, &group, &needs);
            } else {
                job::add(self, &name, &group, &needs);
            }
        }
    }

    /// Tests that alone are wanted of some test jobs; some of them may not be there.
    fn selection(&mut self) -> BTreeMap<String, Vec<String>> {
        let mut only = BTreeMap::new();
        for (job, truth) in self.jobs.iter().zip(&self.truth) {
            let JobTruth::Suite(suite) = truth else { continue };
            if suite.tests.len() > SELECTED_MAX || !self.dice.percent(6) {
                continue;
            }
            let share = self.dice.between(1..=100);
            let mut names: Vec<String> =
                suite.tests.iter().filter(|_| self.dice.percent(share)).map(|test| test.name.clone()).collect();
            if names.is_empty() || self.dice.percent(20) {
                names.push("no such test".to_owned());
            }
            names.retain(|name| name.len() <= TEST_NAME_BYTES_MAX);
            if !names.is_empty() {
                only.insert(job.name.clone(), names);
            }
        }
        only
    }

    /// Names of jobs that stand before: some, or all of one group.
    fn needs(&mut self) -> Vec<String> {
        if self.jobs.is_empty() || self.dice.percent(40) {
            return Vec::new();
        }
        if self.dice.percent(30) {
            let group = self.dice.one_of(&self.jobs).group;
            return self.jobs.iter().filter(|job| job.group == group).map(|job| job.name.clone()).collect();
        }
        let mut needs: Vec<String> = (0..self.dice.between(1..=3)).map(|_| self.dice.one_of(&self.jobs).name).collect();
        needs.sort_unstable();
        needs.dedup();
        needs
    }
}

/// Mostly a new one; sometimes none, or that of another run of the same client.
fn request_id(dice: &mut Dice, mood: &Mood, earlier: &[RunPlan]) -> String {
    if dice.percent(5) {
        return String::new();
    }
    if !earlier.is_empty() && dice.permille(mood.duplicates / 4) {
        return dice.one_of(earlier).request_id;
    }
    format!("request-{}-{:x}", earlier.len(), dice.between(0..=u32::MAX))
}

fn env(dice: &mut Dice) -> Env {
    let mut env = Env::new();
    if dice.percent(50) {
        env.insert("DEPLOY".to_owned(), dice.one_of(&["yes", "no"]).to_owned());
    }
    if dice.percent(20) {
        env.insert("BROKEN".to_owned(), "{".to_owned());
    }
    env
}

/// The name of some content.
pub(super) fn digest(dice: &mut Dice) -> Digest {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&dice.between(0..=u64::MAX).to_be_bytes());
    Digest { hash, size_bytes: dice.between(1..=1 << 20) }
}

/// Nothing is selected of larger suites.
const SELECTED_MAX: usize = 500;
