//! Rows that do not make a state are refused with what is wrong, and never a panic.

use std::time::Duration;

use anyhow::Result;
use muster_common::id::{Epoch, JobId, JobIndex, RunId, TestIndex, Token};
use muster_scheduler::{Config, Key, RestoreError, Row, Scheduler};

use crate::scenarios::played;
use crate::world::{at, now};

#[test]
fn the_epoch_has_to_be_above_that_of_every_token() -> Result<()> {
    let refused = |token| Err(RestoreError::EpochNotRaised { token, epoch: token.epoch });
    let mut rows = rows()?;
    assert_eq!(restore(Epoch(1), rows.clone()), refused(SHARD));
    assert_eq!(restore(Epoch(2), rows.clone()), Ok(()));
    let newer = Token { epoch: Epoch(2), counter: 1 };
    for row in &mut rows {
        if let Row::Batch(batch) = row {
            batch.token = newer;
        }
    }
    assert_eq!(restore(Epoch(2), rows.clone()), refused(newer));
    assert_eq!(restore(Epoch(3), rows), Ok(()));
    Ok(())
}

#[test]
fn a_row_that_another_needs_is_missed_by_name() -> Result<()> {
    let job = |job| JobId { run: RunId(1), job: JobIndex(job) };
    let orphan =
        |what: &str, missing: &str| Err(RestoreError::Orphan { what: what.to_owned(), missing: missing.to_owned() });
    for (gone, expected) in [
        (Key::Run(RunId(1)), orphan("job 1/0", "run 1")),
        (Key::Job(job(1)), orphan("test names", "test job 1/1")),
        (Key::TestNames(job(1), TestIndex(0)), orphan("batch 1.3", "test 0")),
        (Key::Lease(SHARD), orphan("batch 1.3", "lease 1.2")),
        (Key::Batch(BATCH), Ok(())),
    ] {
        let rows = rows()?;
        let left: Vec<Row> = rows.iter().filter(|row| row.key() != gone).cloned().collect();
        assert_eq!(left.len() + 1, rows.len(), "{gone:?} is there");
        assert_eq!(restore(Epoch(2), left), expected, "without {gone:?}");
    }
    Ok(())
}

#[test]
fn a_list_that_is_not_whole_is_refused() -> Result<()> {
    let mut rows = rows()?;
    rows.retain(|row| !matches!(row, Row::Batch(_)));
    for row in &mut rows {
        if let Row::TestNames(names) = row {
            names.names.pop();
        }
    }
    let job = JobId { run: RunId(1), job: JobIndex(1) };
    assert_eq!(restore(Epoch(2), rows), Err(RestoreError::NamesMissing { job, found: 3, expected: 4 }));
    Ok(())
}

#[test]
fn a_test_beyond_the_list_is_refused() -> Result<()> {
    let mut rows = rows()?;
    for row in &mut rows {
        if let Row::Batch(batch) = row {
            batch.tests.push((TestIndex(4), 1));
        }
    }
    let missing = "test 4".to_owned();
    assert_eq!(restore(Epoch(2), rows), Err(RestoreError::Orphan { what: "batch 1.3".to_owned(), missing }));
    Ok(())
}

/// Rows of a run with a job of steps that waits and one of tests, with a shard that holds a batch.
fn rows() -> Result<Vec<Row>> {
    let (world, _) = played(
        "pipeline p
job lint steps on=nobody
job unit tests
@0 open s1 a1
@0 submit p
@1 s1#1 discovered 1.1 tests=t*4
@1 s1#2 finished 1.1 passed seal=t*4
@2 s1#3 started 1.2
@2 s1#0 want 1.2
",
    )?;
    Ok(world.rows.into_values().collect())
}

fn restore(epoch: Epoch, rows: Vec<Row>) -> Result<(), RestoreError> {
    Scheduler::restore(Config::default(), epoch, rows, now(at(Duration::from_secs(9)))).map(drop)
}

const SHARD: Token = Token { epoch: Epoch(1), counter: 2 };
const BATCH: Token = Token { epoch: Epoch(1), counter: 3 };
