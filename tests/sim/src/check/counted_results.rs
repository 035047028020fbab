//! Exactly those results count that should: of a live batch, or of one that is over if they say more than that the test
//! could not be run; each try ends once. A late result of a test that stays with others, or excludes some, counts only while no other batch
//! holds it. Everything else changes nothing. Told from the rows alone.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::control::{FromAgent, TestResults};
use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::outcome::TryOutcome;
use muster_scheduler::{Input, Row, TestRow, TryRow};

use super::bonds::Bonds;
use super::fleet::Fleet;
use super::rows;
use crate::disk::Change;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct CountedResults {
    fleet: Fleet,
    bonds: Bonds,
    /// What the step must count, by job and test.
    expected: BTreeMap<(JobId, TestIndex), Expected>,
    /// What the step must not count although somebody says it, by test and batch.
    refused: BTreeSet<(JobId, TestIndex, Token)>,
    /// Whether the step may end the job instead: a result is of a test that was not dealt.
    ends_job: Option<JobId>,
    /// How many tries of each test have ended.
    ended: BTreeMap<(JobId, TestIndex), usize>,
}

#[derive(Debug)]
struct Expected {
    batch: Token,
    outcome: TryOutcome,
}

impl Check for CountedResults {
    fn name(&self) -> &'static str {
        "a stale or repeated result changes nothing"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let result = match moment {
            Moment::Stepping { coordinator, input } => {
                self.expected.clear();
                self.refused.clear();
                self.ends_job = None;
                if let Some(live) = rows::live(view, *coordinator) {
                    self.foresee(live, input);
                }
                Ok(())
            }
            Moment::Stepped { coordinator, changes, .. } => match rows::live(view, *coordinator) {
                Some(live) => self.compare(live, changes),
                None => Ok(()),
            },
            Moment::Restored { .. } => {
                self.ended.clear();
                self.bonds.clear();
                for row in view.live.iter().flat_map(|live| rows::tests(live.written)) {
                    self.ended.insert((row.job, row.test), row.tries.len());
                }
                Ok(())
            }
            Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => Ok(()),
        };
        self.fleet.look(view, moment);
        result
    }
}

impl CountedResults {
    fn foresee(&mut self, live: Live<'_>, input: &Input) {
        let Input::Agent { session, message, .. } = input else { return };
        let FromAgent::TestResults(results) = &**message else { return };
        let Some(agent) = self.fleet.member(*session).map(|member| member.agent.clone()) else { return };
        self.foresee_results(live, &agent, results);
    }

    fn foresee_results(&mut self, live: Live<'_>, agent: &AgentName, results: &TestResults) {
        let Some(batch) = rows::batch(live.written, results.batch) else { return };
        if rows::lease(live.written, batch.shard).is_none_or(|lease| lease.agent != *agent) {
            return;
        }
        let attempt_of =
            |test: TestIndex| batch.tests.iter().find(|(dealt, _)| *dealt == test).map(|(_, attempt)| *attempt);
        if results.results.iter().any(|result| attempt_of(result.test).is_none()) {
            self.ends_job = Some(batch.job);
            return;
        }
        let bonds = self.bonds.of(live, batch.job);
        for result in &results.results {
            let known = rows::test(live.written, batch.job, result.test);
            let ended = known.map_or(0, |known| known.tries.len());
            let is_current = attempt_of(result.test).is_some_and(|attempt| attempt as usize == ended + 1);
            let is_open = known.is_none_or(|known| known.verdict.is_none());
            let is_left_to_another = bonds.as_ref().is_some_and(|bonds| {
                bonds.is_bound(result.test) && is_held(live, batch.job, result.test, results.batch)
            });
            let is_worth = !batch.is_over || (result.outcome != TryOutcome::Errored && !is_left_to_another);
            if is_current && is_open && is_worth {
                let expected = Expected { batch: results.batch, outcome: result.outcome };
                self.expected.entry((batch.job, result.test)).or_insert(expected);
            } else {
                self.refused.insert((batch.job, result.test, results.batch));
            }
        }
    }

    fn compare(&mut self, live: Live<'_>, changes: &[Change]) -> Result<(), String> {
        for change in changes {
            if let Some(Row::Test(row)) = rows::put(change) {
                self.compare_row(row)?;
            }
        }
        for ((job, test), expected) in &self.expected {
            let known = rows::test(live.written, *job, *test);
            let is_counted =
                known.is_some_and(|known| known.tries.iter().any(|counted| counted.token == expected.batch));
            if !is_counted && self.ends_job != Some(*job) {
                return Err(format!(
                    "the result of test {test} of job {job} in batch {} was not counted",
                    expected.batch
                ));
            }
        }
        Ok(())
    }

    /// A try that was added is one that was foreseen, or one by which the scheduler itself says that the test could not
    /// be run.
    fn compare_row(&mut self, row: &TestRow) -> Result<(), String> {
        let place = (row.job, row.test);
        let expected = self.expected.get(&place);
        let ended = self.ended.insert(place, row.tries.len()).unwrap_or(0);
        let fits = |counted: &TryRow| match expected {
            Some(expected) => expected.batch == counted.token && expected.outcome == counted.outcome,
            None => {
                counted.outcome == TryOutcome::Errored && !self.refused.contains(&(row.job, row.test, counted.token))
            }
        };
        match row.tries.get(ended..) {
            Some([]) => Ok(()),
            Some([one]) if fits(one) => Ok(()),
            added => {
                Err(format!("test {} of job {} got tries {added:?}, expected was {expected:?}", row.test, row.job))
            }
        }
    }
}

/// Whether another batch that is live holds the current try of a test.
fn is_held(live: Live<'_>, job: JobId, test: TestIndex, told: Token) -> bool {
    let ended = rows::test(live.written, job, test).map_or(0, |known| known.tries.len());
    let holds = |row: &&muster_scheduler::BatchRow| {
        row.job == job && !row.is_over && row.token != told && row.tests.contains(&(test, attempt_after(ended)))
    };
    rows::batches(live.written).any(|row| holds(&row))
}

fn attempt_after(ended: usize) -> u32 {
    u32::try_from(ended).unwrap_or(u32::MAX - 1) + 1
}
