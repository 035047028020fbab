//! Every run, job and test ends once: what is durable of an end never changes, and tries are only added. Watchers and
//! clients are never told of an end that does not stand.

use std::collections::BTreeMap;
use std::rc::Rc;

use muster_common::id::{JobId, RunId, TestIndex};
use muster_common::outcome::{Outcome, TestVerdict};
use muster_scheduler::{End, Row, TestRow};

use crate::disk::Change;
use crate::history::Observation;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct FinalEnds {
    seen: usize,
    runs: BTreeMap<RunId, End>,
    jobs: BTreeMap<JobId, End>,
    tests: BTreeMap<(JobId, TestIndex), (usize, Option<TestVerdict>)>,
}

impl Check for FinalEnds {
    fn name(&self) -> &'static str {
        "everything ends once"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        if let Moment::Committed { changes, .. } = moment {
            for change in *changes {
                if let Change::Put(row) = change {
                    self.take(row)?;
                }
            }
        }
        let all = view.history.all();
        for observed in &all[self.seen..] {
            let told = match &observed.what {
                Observation::RunSeen(summary) => summary.end.clone().map(|end| (summary.run, end)),
                Observation::ReportStored(report) => report.run.end.clone().map(|end| (report.run.run, end)),
                _ => None,
            };
            if let Some((run, end)) = told
                && self.runs.get(&run) != Some(&end)
            {
                return Err(format!("run {run} is said to have ended {end:?}, durable is {:?}", self.runs.get(&run)));
            }
        }
        self.seen = all.len();
        Ok(())
    }
}

impl FinalEnds {
    fn take(&mut self, row: &Rc<Row>) -> Result<(), String> {
        match Rc::as_ref(row) {
            Row::Run(row) => match (&row.end, self.runs.get(&row.run)) {
                (None, None) => Ok(()),
                (Some(end), None) => {
                    self.runs.insert(row.run, end.clone());
                    Ok(())
                }
                (end, Some(known)) => same(end.as_ref(), known, || format!("run {}", row.run)),
            },
            Row::Job(row) => match (&row.end, self.jobs.get(&row.job)) {
                (None, None) => Ok(()),
                (Some(end), None) => {
                    self.jobs.insert(row.job, end.clone());
                    Ok(())
                }
                (end, Some(known)) => same(end.as_ref(), known, || format!("job {}", row.job)),
            },
            Row::Test(row) => self.take_test(row),
            Row::History(row) => {
                let run = row.summary.run;
                match (&row.summary.end, self.runs.get(&run)) {
                    (Some(end), Some(known)) => same(Some(end), known, || format!("run {run}")),
                    (end, known) => Err(format!("run {run} is retired with {end:?}, its end is {known:?}")),
                }
            }
            _ => Ok(()),
        }
    }

    fn take_test(&mut self, row: &TestRow) -> Result<(), String> {
        let place = (row.job, row.test);
        let (tries, verdict) = self.tests.get(&place).copied().unwrap_or((0, None));
        if row.tries.len() < tries || (verdict.is_some() && row.verdict != verdict) {
            return Err(format!("test {} of job {} had {tries} tries and {verdict:?}, now {row:?}", row.test, row.job));
        }
        if verdict.is_some() && row.tries.len() > tries {
            return Err(format!("test {} of job {} was {verdict:?} and is tried again", row.test, row.job));
        }
        self.tests.insert(place, (row.tries.len(), row.verdict));
        Ok(())
    }
}

fn same(end: Option<&End>, known: &End, what: impl FnOnce() -> String) -> Result<(), String> {
    let outcome = |end: Option<&End>| end.map(|end: &End| -> Outcome { end.outcome });
    if end == Some(known) {
        return Ok(());
    }
    Err(format!("{} ended {:?} and is now {:?}", what(), known.outcome, outcome(end)))
}
