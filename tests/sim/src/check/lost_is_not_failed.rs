//! Lost is not failed: what was lost with its agent is counted apart, has its own bound, and leaves a test's tries alone.

use muster_common::error_code::ReasonCode;
use muster_common::limits::LOST_ATTEMPTS_MAX;
use muster_common::outcome::{TestVerdict, TryOutcome};
use muster_scheduler::{JobRow, Row, TestRow};

use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct LostIsNotFailed;

impl Check for LostIsNotFailed {
    fn name(&self) -> &'static str {
        "lost is not failed"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, changes, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            match rows::put(change) {
                Some(Row::Test(row)) => check_test(row)?,
                Some(Row::Job(row)) => {
                    check_job(row)?;
                    let is_lost = row.end.as_ref().and_then(|end| end.reason.as_ref()).map(|reason| reason.code)
                        == Some(ReasonCode::OutcomeUnknown);
                    if is_lost && rows::spec(live.written, row.job).is_none_or(|spec| spec.is_repeatable) {
                        return Err(format!("job {} may be repeated, and its outcome is unknown", row.job));
                    }
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}

fn check_test(row: &TestRow) -> Result<(), String> {
    let numbers = row.tries.iter().map(|test_try| test_try.attempt);
    if !numbers.eq(1..=u32::try_from(row.tries.len()).unwrap_or(u32::MAX)) {
        return Err(format!("tries of test {} of job {} are not counted one by one", row.test, row.job));
    }
    if row.lost > LOST_ATTEMPTS_MAX || (row.lost == LOST_ATTEMPTS_MAX && row.verdict.is_none()) {
        return Err(format!("test {} of job {} was lost {} times and goes on", row.test, row.job, row.lost));
    }
    let is_given_up = row.tries.iter().any(|test_try| test_try.message.contains("is not run again"));
    if is_given_up && row.lost < LOST_ATTEMPTS_MAX {
        return Err(format!("test {} of job {} is given up after {} losses", row.test, row.job, row.lost));
    }
    let has_no = |outcome| row.tries.iter().any(|test_try| test_try.outcome == outcome);
    let crashes = row.tries.iter().filter(|test_try| test_try.outcome == TryOutcome::Errored).count();
    match row.verdict {
        Some(TestVerdict::Failed) if !has_no(TryOutcome::Failed) && crashes < 2 => {
            Err(format!("test {} of job {} failed, and no try said so: {:?}", row.test, row.job, row.tries))
        }
        Some(TestVerdict::Flaky) if row.tries.len() < 2 || !has_no(TryOutcome::Passed) => {
            Err(format!("test {} of job {} is flaky by {:?}", row.test, row.job, row.tries))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_job(row: &JobRow) -> Result<(), String> {
    let code = row.end.as_ref().and_then(|end| end.reason.as_ref()).map(|reason| reason.code);
    if code == Some(ReasonCode::AgentsLost) && row.lost < LOST_ATTEMPTS_MAX {
        return Err(format!("job {} is given up after {} lost attempts", row.job, row.lost));
    }
    Ok(())
}
