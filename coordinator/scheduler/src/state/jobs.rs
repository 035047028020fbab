//! Jobs of open runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use muster_common::control::CancelReason;
use muster_common::error_code::Reason;
use muster_common::id::{AgentName, JobId, JobIndex, TestIndex, Token};
use muster_common::outcome::Outcome;

use super::Suite;
use crate::{JobRow, TestNamesRow, TestRow};

/// One job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) row: JobRow,
    /// Needs that have not ended.
    pub(crate) needs_open: usize,
    /// Jobs that need it.
    pub(crate) dependents: Vec<JobIndex>,
    /// Its leases, live or over.
    pub(crate) leases: BTreeSet<Token>,
    /// Its live leases.
    pub(crate) live: BTreeSet<Token>,
    /// Its tests, if it is a test job.
    pub(crate) suite: Option<Box<Suite>>,
    /// How it will end once its live leases have.
    pub(crate) stop: Option<Stop>,
    /// Agents on which it could not be begun; it goes to others.
    pub(crate) avoid: BTreeSet<AgentName>,
    /// What its watchers were last told that it waits for.
    pub(crate) told_wait: String,
}

/// A job that is being stopped.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// How the job will end.
    pub(crate) outcome: Outcome,
    /// Why.
    pub(crate) reason: Reason,
    /// What its agents are told.
    pub(crate) cancel: CancelReason,
}

impl Job {
    /// A job as its row says, without its leases.
    pub(crate) fn new(row: JobRow, is_test_job: bool) -> Self {
        Self {
            row,
            needs_open: 0,
            dependents: Vec::new(),
            leases: BTreeSet::new(),
            live: BTreeSet::new(),
            suite: is_test_job.then(Box::default),
            stop: None,
            avoid: BTreeSet::new(),
            told_wait: String::new(),
        }
    }

    /// A job that nothing is known of yet.
    pub(crate) fn fresh(job: JobId, is_test_job: bool) -> Self {
        let row = JobRow {
            job,
            queued: None,
            started: None,
            end: None,
            attempts: 0,
            lost: 0,
            shards: 0,
            sealed: None,
            artifacts: BTreeMap::new(),
            outputs: BTreeMap::new(),
            alarms: Vec::new(),
        };
        Self::new(row, is_test_job)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.row.end.is_some()
    }

    /// Whether something of it is live that brings it further, or that its end waits for. Shards alone do not bring it
    /// further, as long as they have no list.
    pub(crate) fn is_under_way(&self) -> bool {
        let early = if self.stop.is_some() { 0 } else { self.early_shards() };
        self.live.len() > early
    }

    /// Its shards that were leased before its list was sealed, until it is.
    pub(crate) fn early_shards(&self) -> usize {
        match (self.row.sealed, self.suite.as_deref()) {
            (None, Some(suite)) => suite.shards.len(),
            (Some(_), _) | (_, None) => 0,
        }
    }

    /// Its tests, if it is a test job whose discovery is sealed.
    pub(crate) fn sealed_suite(&self) -> Option<&Suite> {
        self.row.sealed.and(self.suite.as_deref())
    }

    /// The row of the part of the discovery that begins with `first`.
    pub(crate) fn names_row(&self, first: TestIndex) -> Option<TestNamesRow> {
        let suite = self.suite.as_deref()?;
        if !suite.name_rows.contains(&first) {
            return None;
        }
        let next = suite.name_rows.range((Bound::Excluded(first), Bound::Unbounded)).next();
        let end = next.map_or(suite.names.len(), |next| next.0 as usize);
        let names = suite.names.get(first.0 as usize..end)?.to_vec();
        Some(TestNamesRow { job: self.row.job, first, names })
    }

    /// The row of a test, if it has one.
    pub(crate) fn test_row(&self, test: TestIndex) -> Option<TestRow> {
        let found = self.suite.as_deref()?.tests.get(test.0 as usize)?;
        found.is_stored().then(|| TestRow {
            job: self.row.job,
            test,
            tries: found.tries.clone(),
            lost: found.lost,
            verdict: found.verdict,
            is_quarantined: found.known.is_quarantined,
        })
    }
}
