//! Which tests of a job stay together, and which exclude each other: from its specification and its list, in the rows.

use std::collections::BTreeMap;
use std::rc::Rc;

use muster_common::id::{JobId, TestIndex};
use muster_common::spec::Work;

use super::rows;
use crate::view::Live;

/// What was found out of jobs. Forgets all with [`Bonds::clear`]: a new life may list a suite anew.
#[derive(Debug, Default)]
pub(super) struct Bonds {
    jobs: BTreeMap<JobId, Option<Rc<JobBonds>>>,
}

/// The tests of a job that has a scope or groups.
#[derive(Debug, Default)]
pub(super) struct JobBonds {
    tests: Vec<Bond>,
    /// Tests of each unit, in the order of the list.
    units: BTreeMap<String, Vec<TestIndex>>,
    /// How many tests of each group may run.
    pub(super) limits: Vec<u32>,
}

/// What a test is bound by.
#[derive(Clone, Debug, Default)]
pub(super) struct Bond {
    /// Its unit, if there are others in it.
    pub(super) unit: Option<String>,
    /// Its own groups.
    pub(super) groups: Vec<usize>,
}

impl Bonds {
    /// The bonds of a job whose list is sealed; none: its tests are dealt one by one.
    pub(super) fn of(&mut self, live: Live<'_>, job: JobId) -> Option<Rc<JobBonds>> {
        self.jobs.entry(job).or_insert_with(|| made(live, job)).clone()
    }

    pub(super) fn clear(&mut self) {
        self.jobs.clear();
    }
}

impl JobBonds {
    pub(super) fn bond(&self, test: TestIndex) -> Bond {
        self.tests.get(test.0 as usize).cloned().unwrap_or_default()
    }

    /// All tests of a unit, in the order of the list.
    pub(super) fn unit(&self, unit: &str) -> &[TestIndex] {
        self.units.get(unit).map_or(&[], Vec::as_slice)
    }

    /// Whether a test stays with others, or has others that it excludes; its whole unit counts.
    pub(super) fn is_bound(&self, test: TestIndex) -> bool {
        let bond = self.bond(test);
        bond.unit.is_some() || !bond.groups.is_empty()
    }
}

fn made(live: Live<'_>, job: JobId) -> Option<Rc<JobBonds>> {
    let Work::Tests(spec) = &rows::spec(live.written, job)?.work else { return None };
    if spec.scope.is_test() && spec.groups.is_empty() {
        return None;
    }
    let mut units: BTreeMap<String, Vec<TestIndex>> = BTreeMap::new();
    let mut tests = Vec::new();
    for (index, name) in (0..).map(TestIndex).zip(rows::names(live.written, job)) {
        let unit = spec.runner.unit_of(spec.scope, name).map(str::to_owned);
        if let Some(unit) = &unit {
            units.entry(unit.clone()).or_default().push(index);
        }
        let groups = (0..).zip(&spec.groups).filter(|(_, group)| group.has(name)).map(|(place, _)| place).collect();
        tests.push(Bond { unit, groups });
    }
    for bond in &mut tests {
        bond.unit.take_if(|unit| units[unit].len() < 2);
    }
    Some(Rc::new(JobBonds { tests, units, limits: spec.groups.iter().map(|group| group.limit).collect() }))
}
