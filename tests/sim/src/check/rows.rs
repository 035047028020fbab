//! Rows by their keys.

use std::rc::Rc;

use muster_common::id::{JobId, JobIndex, RunId, TestIndex, Token};
use muster_common::spec::JobSpec;
use muster_scheduler::{BatchRow, JobRow, Key, LeaseRow, Row, RunRow, TestRow};

use crate::disk::{Change, Rows};
use crate::view::{Live, View};

/// What a coordinator decides with, if it is the one that obeys the newest epoch.
pub(super) fn live<'a>(view: &View<'a>, coordinator: usize) -> Option<Live<'a>> {
    view.live.filter(|live| live.coordinator == coordinator)
}

/// The row that a change puts.
pub(super) fn put(change: &Change) -> Option<&Row> {
    match change {
        Change::Put(row) => Some(row),
        Change::Delete(_) => None,
    }
}

pub(super) fn run(rows: &Rows, run: RunId) -> Option<&RunRow> {
    let Row::Run(row) = row(rows, Key::Run(run))? else { return None };
    Some(row)
}

pub(super) fn job(rows: &Rows, job: JobId) -> Option<&JobRow> {
    let Row::Job(row) = row(rows, Key::Job(job))? else { return None };
    Some(row)
}

pub(super) fn test(rows: &Rows, job: JobId, test: TestIndex) -> Option<&TestRow> {
    let Row::Test(row) = row(rows, Key::Test(job, test))? else { return None };
    Some(row)
}

pub(super) fn lease(rows: &Rows, token: Token) -> Option<&LeaseRow> {
    let Row::Lease(row) = row(rows, Key::Lease(token))? else { return None };
    Some(row)
}

pub(super) fn batch(rows: &Rows, token: Token) -> Option<&BatchRow> {
    let Row::Batch(row) = row(rows, Key::Batch(token))? else { return None };
    Some(row)
}

/// The specification of a job of an open run.
pub(super) fn spec(rows: &Rows, job: JobId) -> Option<&JobSpec> {
    run(rows, job.run)?.spec.jobs.get(job.job.0 as usize)
}

/// Every lease, by token.
pub(super) fn leases(rows: &Rows) -> impl Iterator<Item = &LeaseRow> {
    let (first, last) = (Key::Lease(LOWEST), Key::Lease(HIGHEST));
    rows.range(first..=last).filter_map(|(_, row)| {
        let Row::Lease(row) = Rc::as_ref(row) else { return None };
        Some(&**row)
    })
}

/// Every batch, by token.
pub(super) fn batches(rows: &Rows) -> impl Iterator<Item = &BatchRow> {
    let (first, last) = (Key::Batch(LOWEST), Key::Batch(HIGHEST));
    rows.range(first..=last).filter_map(|(_, row)| {
        let Row::Batch(row) = Rc::as_ref(row) else { return None };
        Some(&**row)
    })
}

/// Every open run, in order.
pub(super) fn runs(rows: &Rows) -> impl Iterator<Item = &RunRow> {
    rows.range(Key::Run(RunId(0))..=Key::Run(RunId(u64::MAX))).filter_map(|(_, row)| {
        let Row::Run(row) = Rc::as_ref(row) else { return None };
        Some(&**row)
    })
}

/// Every job of an open run, in order.
pub(super) fn jobs(rows: &Rows) -> impl Iterator<Item = &JobRow> {
    let first = Key::Job(JobId { run: RunId(0), job: JobIndex(0) });
    let last = Key::Job(JobId { run: RunId(u64::MAX), job: JobIndex(u32::MAX) });
    rows.range(first..=last).filter_map(|(_, row)| {
        let Row::Job(row) = Rc::as_ref(row) else { return None };
        Some(&**row)
    })
}

/// The names of a job's tests, in the order of their list.
pub(super) fn names(rows: &Rows, job: JobId) -> impl Iterator<Item = &str> {
    let (first, last) = (Key::TestNames(job, TestIndex(0)), Key::TestNames(job, TestIndex(u32::MAX)));
    let parts = rows.range(first..=last).filter_map(|(_, row)| {
        let Row::TestNames(row) = Rc::as_ref(row) else { return None };
        Some(row)
    });
    parts.flat_map(|row| &row.names).map(String::as_str)
}

/// Every stored test of open runs, in order.
pub(super) fn tests(rows: &Rows) -> impl Iterator<Item = &TestRow> {
    let first = JobId { run: RunId(0), job: JobIndex(0) };
    let last = JobId { run: RunId(u64::MAX), job: JobIndex(u32::MAX) };
    let (first, last) = (Key::Test(first, TestIndex(0)), Key::Test(last, TestIndex(u32::MAX)));
    rows.range(first..=last).filter_map(|(_, row)| {
        let Row::Test(row) = Rc::as_ref(row) else { return None };
        Some(&**row)
    })
}

/// Whether a row is of a run that is not retired.
pub(super) const fn is_of_open_run(key: &Key) -> bool {
    matches!(key, Key::Run(_) | Key::Job(_) | Key::TestNames(..) | Key::Test(..) | Key::Lease(_) | Key::Batch(_))
}

fn row(rows: &Rows, key: Key) -> Option<&Row> {
    rows.get(&key).map(Rc::as_ref)
}

const LOWEST: Token = Token { epoch: muster_common::id::Epoch(0), counter: 0 };
const HIGHEST: Token = Token { epoch: muster_common::id::Epoch(u64::MAX), counter: u64::MAX };
