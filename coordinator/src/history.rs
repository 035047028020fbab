//! What readers may know of runs without asking the scheduler: the summaries of the retired ones, and which are open.
//!
//! It follows the store: read when a life begins, changed by each commit before the commit's effects leave. So whoever is
//! told by the scheduler that a run is not open any more finds it here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use muster_common::id::RunId;
use muster_common::time::Wall;
use muster_scheduler::{HistoryRow, Key, Row, Write};

use crate::store::codec::Restored;

/// Retired runs, and the numbers of the open ones.
#[derive(Debug, Default)]
pub(crate) struct History(RwLock<Runs>);

#[derive(Debug, Default)]
struct Runs {
    restored: Option<Restored>,
    retired: BTreeMap<RunId, Arc<HistoryRow>>,
    open: BTreeSet<RunId>,
}

impl History {
    /// Forgets everything and takes over what is stored.
    pub(crate) fn reset(&self, rows: &[Row], restored: Option<Restored>) {
        let mut runs = Runs { restored, ..Runs::default() };
        for row in rows {
            runs.put(row);
        }
        *self.write() = runs;
    }

    /// Takes over what a commit has changed. Answers with the retired runs that it has removed.
    pub(crate) fn apply(&self, changes: &[Write]) -> Vec<Arc<HistoryRow>> {
        if changes.is_empty() {
            return Vec::new();
        }
        let mut removed = Vec::new();
        let mut runs = self.write();
        for change in changes {
            match change {
                Write::Put(row) => runs.put(row),
                Write::Delete(key) => removed.extend(runs.delete(*key)),
            }
        }
        removed
    }

    /// A retired run.
    pub(crate) fn get(&self, run: RunId) -> Option<Arc<HistoryRow>> {
        self.read().retired.get(&run).cloned()
    }

    /// Retired runs with numbers below `before`, newest first.
    pub(crate) fn newest_before(&self, before: RunId, project: &str, limit: usize) -> Vec<Arc<HistoryRow>> {
        let runs = self.read();
        let below = runs.retired.range(..before).rev().map(|(_, row)| row);
        below.filter(|row| project.is_empty() || row.summary.project == project).take(limit).cloned().collect()
    }

    /// When the store was made from a backup in which this run was open.
    pub(crate) fn restored(&self, run: RunId) -> Option<Wall> {
        let runs = self.read();
        runs.restored.as_ref().filter(|restored| restored.open_runs.contains(&run)).map(|restored| restored.at)
    }

    /// Whether there is, or was, such a run.
    pub(crate) fn is_known(&self, run: RunId) -> bool {
        let runs = self.read();
        runs.open.contains(&run) || runs.retired.contains_key(&run)
    }

    /// How many runs are open.
    pub(crate) fn open_runs(&self) -> usize {
        self.read().open.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Runs> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Runs> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn put(&mut self, row: &Row) {
        match row {
            Row::History(row) => {
                self.retired.insert(row.summary.run, Arc::new(HistoryRow::clone(row)));
            }
            Row::Run(row) => {
                self.open.insert(row.run);
            }
            Row::Counters(_)
            | Row::MemorySuite(_)
            | Row::MemoryTest(_)
            | Row::AgentHealth(_)
            | Row::Job(_)
            | Row::TestNames(_)
            | Row::Test(_)
            | Row::Lease(_)
            | Row::Batch(_) => {}
        }
    }

    fn delete(&mut self, key: Key) -> Option<Arc<HistoryRow>> {
        match key {
            Key::History(run) => self.retired.remove(&run),
            Key::Run(run) => {
                self.open.remove(&run);
                None
            }
            Key::Counters
            | Key::MemorySuite(_)
            | Key::MemoryTest(..)
            | Key::AgentHealth(_)
            | Key::Job(_)
            | Key::TestNames(..)
            | Key::Test(..)
            | Key::Lease(_)
            | Key::Batch(_) => None,
        }
    }
}
