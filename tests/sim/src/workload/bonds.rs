//! Tests that stay together, and tests that exclude each other. Drawn from numbers of their own, when all else is, so
//! that a seed without them is as it was.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::spec::{Runner, TestGroup, TestScope, TestSpec, Work};

use super::dice::Dice;
use super::truth;
use crate::plan::{JobTruth, RunPlan, SuiteTruth};

/// Gives some suites of a seed a scope, groups or both. Their tests get names that tell files and classes.
pub(super) fn draw(seed: u64, runs: &mut [RunPlan]) {
    let mut dice = Dice::new(seed ^ STREAM);
    if dice.percent(70) {
        return;
    }
    let share = dice.between(20..=100);
    for run in runs {
        for place in 0..run.spec.jobs.len() {
            let job = &mut run.spec.jobs[place];
            let (Work::Tests(spec), JobTruth::Suite(suite)) = (&mut job.work, &mut run.truth[place]) else { continue };
            let is_plain = suite.tests.iter().all(|test| test.name.len() <= NAME_BYTES_MAX);
            if !is_plain || !dice.percent(share) {
                continue;
            }
            let names = rename(&mut dice, &spec.runner, suite);
            for only in run.spec.only.get_mut(&job.name).into_iter().flatten() {
                if let Some(name) = names.get(only) {
                    only.clone_from(name);
                }
            }
            bind(&mut dice, spec);
            if !spec.groups.is_empty() && dice.percent(50) {
                job.timeout_ms += lengthen(&mut dice, spec, suite);
            }
        }
    }
}

fn bind(dice: &mut Dice, spec: &mut TestSpec) {
    spec.scope = dice.one_of(&[TestScope::Test, TestScope::Class, TestScope::File, TestScope::File]);
    let groups = if spec.scope.is_test() { dice.between(1..=3) } else { dice.between(0..=2) };
    spec.groups = (0..groups)
        .map(|number| TestGroup {
            name: format!("group {number}"),
            patterns: vec![dice.one_of(&["*file_1*", "*Class0*", "*case_?", "*case_*1", "*"]).to_owned()],
            limit: dice.one_of(&[1, 1, 2, 3]),
        })
        .collect();
}

/// Makes some tests so long that an agent may be lost while one runs and is cut off for long. Returns by how much their job
/// may take longer, in milliseconds.
fn lengthen(dice: &mut Dice, spec: &TestSpec, suite: &mut SuiteTruth) -> u64 {
    let most_ms = (spec.test_timeout_ms * 9 / 10).max(1_000);
    let mut longer = Duration::ZERO;
    for test in &mut suite.tests {
        if longer < LENGTHENED_MAX && dice.percent(30) {
            let duration = dice.span(500, most_ms);
            longer += duration.saturating_sub(test.duration);
            test.duration = test.duration.max(duration);
        }
    }
    let longer = longer * truth::SLOWEST * (spec.retries + 1);
    u64::try_from(longer.as_millis()).unwrap_or(u64::MAX)
}

/// New names by old ones.
fn rename(dice: &mut Dice, runner: &Runner, suite: &mut SuiteTruth) -> BTreeMap<String, String> {
    let files = dice.skewed(suite.tests.len().max(1)).min(FILES_MAX);
    let mut names = BTreeMap::new();
    for (number, test) in suite.tests.iter_mut().enumerate() {
        let file = dice.between(1..=files);
        let class = dice.between(0..=1);
        let name = match runner {
            Runner::CargoNextest { .. } | Runner::CargoTest { .. } => {
                format!("krate::file_{file} Class{class}::case_{number}")
            }
            _ => format!("tests/file_{file}.py::Class{class}::case_{number}"),
        };
        names.insert(std::mem::replace(&mut test.name, name.clone()), name);
    }
    names
}

/// Sets these numbers apart from all others of the seed.
const STREAM: u64 = 0xb04d5;
const FILES_MAX: usize = 40;
/// By how much the tests of one suite are longer together, about.
const LENGTHENED_MAX: Duration = Duration::from_secs(300);
/// Longer names are there to be long.
const NAME_BYTES_MAX: usize = 200;
