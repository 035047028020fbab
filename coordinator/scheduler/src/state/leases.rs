//! Leases of attempts, and batches.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::id::{JobId, TestIndex, Token};
use muster_common::time::Monotonic;

use crate::{BatchRow, LeaseRow};

/// All leases, live or over, of open jobs.
pub(crate) type Leases = BTreeMap<Token, Lease>;

/// All batches, live or over, that hold a test without an end of its try.
pub(crate) type Batches = BTreeMap<Token, Batch>;

/// One lease.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) row: LeaseRow,
    /// For a shard: its batches, live or over.
    pub(crate) batches: BTreeSet<Token>,
}

/// One batch.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) row: BatchRow,
    /// Its tests, each with the number of its try.
    pub(crate) attempts: BTreeMap<TestIndex, u32>,
    /// Its tests whose try has not ended.
    pub(crate) open: BTreeSet<TestIndex>,
    /// Those of them that are known to have begun, and when. Known in memory only.
    pub(crate) started: BTreeMap<TestIndex, Monotonic>,
    /// Whether its agent was asked to give its tests up for others. Known in memory only.
    pub(crate) is_recalled: bool,
}

impl Lease {
    pub(crate) fn new(row: LeaseRow) -> Self {
        Self { row, batches: BTreeSet::new() }
    }

    pub(crate) fn is_live(&self) -> bool {
        !self.row.is_over
    }
}

impl Batch {
    /// A batch as its row says; `open` are its tests whose try has not ended.
    pub(crate) fn new(row: BatchRow, open: BTreeSet<TestIndex>) -> Self {
        let attempts = row.tests.iter().copied().collect();
        Self { row, attempts, open, started: BTreeMap::new(), is_recalled: false }
    }

    pub(crate) fn job(&self) -> JobId {
        self.row.job
    }

    /// Its tests whose try has not ended, in the order in which they are run.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = TestIndex> {
        self.row.tests.iter().map(|(test, _)| *test).filter(|test| self.open.contains(test))
    }
}
