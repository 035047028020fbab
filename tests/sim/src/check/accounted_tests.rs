//! No false green: a test job passes only when its discovery is sealed, holds at least one test, and each of them has a
//! verdict that is good; and what people are told adds up.

use muster_common::id::{JobId, TestIndex};
use muster_common::outcome::{Outcome, TestVerdict};
use muster_common::spec::Work;
use muster_scheduler::{Effect, Event, JobSummary, Row, TestCounts};

use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct AccountedTests;

impl Check for AccountedTests {
    fn name(&self) -> &'static str {
        "no false green"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, changes, effects } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            if let Some(Row::Job(row)) = rows::put(change)
                && row.end.as_ref().is_some_and(|end| end.outcome == Outcome::Passed)
            {
                check_job(live, row.job)?;
            }
        }
        for effect in *effects {
            let Effect::Publish { event, .. } = effect else { continue };
            match event {
                Event::JobChanged(summary) => check_sums(summary)?,
                Event::RunFinished(summary) => summary.jobs.iter().try_for_each(check_sums)?,
                Event::RunChanged(_) | Event::TestFinished { .. } | Event::ShardsChanged { .. } => {}
            }
        }
        Ok(())
    }
}

fn check_job(live: Live<'_>, job: JobId) -> Result<(), String> {
    let Some(spec) = rows::spec(live.written, job) else { return Err(format!("job {job} passed and has no run")) };
    if !matches!(spec.work, Work::Tests(_)) {
        return Ok(());
    }
    let sealed = rows::job(live.written, job).and_then(|row| row.sealed);
    let Some(count) = sealed.filter(|count| *count > 0) else {
        return Err(format!("test job {job} passed with a discovery of {sealed:?}"));
    };
    for test in (0..count).map(TestIndex) {
        let row = rows::test(live.written, job, test);
        let verdict = row.and_then(|row| row.verdict);
        let is_excused = row.is_some_and(|row| row.is_quarantined && row.verdict == Some(TestVerdict::Failed));
        if !is_excused && !verdict.is_some_and(TestVerdict::is_good) {
            return Err(format!("test job {job} passed and its test {test} is {verdict:?}"));
        }
    }
    Ok(())
}

fn check_sums(summary: &JobSummary) -> Result<(), String> {
    let TestCounts { discovered, passed, failed, flaky, skipped, errored, running: _, is_sealed: _, quarantined } =
        summary.tests;
    let decided = passed + failed + flaky + skipped + errored;
    let is_passed = summary.end.as_ref().is_some_and(|end| end.outcome == Outcome::Passed);
    if decided > discovered
        || quarantined > failed
        || (is_passed && (decided != discovered || failed + errored > quarantined))
    {
        return Err(format!("the sums of job {} do not agree: {:?}", summary.job, summary.tests));
    }
    Ok(())
}
