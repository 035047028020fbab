//! A run may want only some of the tests that discovery finds: those that failed before, say.

use std::collections::BTreeSet;

use muster_common::id::{JobId, TestIndex};
use muster_common::limits::TESTS_PER_MESSAGE_MAX;

use crate::Key;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Names of the tests that a run wants of a job; none: all.
    pub(crate) fn selection(&self, job: JobId) -> Option<&[String]> {
        let spec = &self.runs.open[&job.run].row.spec;
        spec.only.get(&self.spec(job).name).map(Vec::as_slice)
    }

    /// Leaves only the selected tests of a complete discovery.
    pub(crate) fn select_tests(&mut self, job: JobId) {
        let Some(only) = self.selection(job) else { return };
        let only: BTreeSet<String> = only.iter().cloned().collect();
        let suite = self.suite_mut(job);
        suite.names.retain(|name| only.contains(name));
        let parts = (0..suite.names.len()).step_by(TESTS_PER_MESSAGE_MAX);
        let rows: BTreeSet<TestIndex> =
            parts.map(|first| TestIndex(u32::try_from(first).expect("tests are counted by u32"))).collect();
        let before = std::mem::replace(&mut suite.name_rows, rows.clone());
        for first in before.into_iter().chain(rows) {
            self.touch(Key::TestNames(job, first));
        }
    }

    /// Selected tests that discovery did not find.
    pub(crate) fn selected_and_missing(&self, job: JobId) -> Vec<&str> {
        let Some(only) = self.selection(job) else { return Vec::new() };
        let found: BTreeSet<&str> = self.suite(job).names.iter().map(String::as_str).collect();
        only.iter().map(String::as_str).filter(|name| !found.contains(name)).collect()
    }
}
