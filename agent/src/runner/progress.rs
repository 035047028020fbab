//! The account of a batch: every dealt test gets exactly one result, and nothing else gets any.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use muster_common::control::{DealtTest, TestResult};
use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use tokio::sync::mpsc;

use super::event::BatchEvent;
use super::excerpt;
use super::failure::RunnerFailure;

/// What a runner said of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: TryOutcome,
    /// As the runner says; none: as seen from here.
    pub(crate) duration: Option<Duration>,
    pub(crate) message: String,
    pub(crate) output: Vec<u8>,
}

/// The account.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    dealt: &'a [DealtTest],
    positions: HashMap<&'a str, usize>,
    outcomes: Vec<Option<TryOutcome>>,
    current: Option<Current>,
    events: mpsc::Sender<BatchEvent>,
}

/// The test that has begun and has no result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Current {
    pub(crate) position: usize,
    pub(crate) since: Instant,
}

impl Verdict {
    /// A verdict without text.
    pub(crate) const fn bare(outcome: TryOutcome) -> Self {
        Self { outcome, duration: None, message: String::new(), output: Vec::new() }
    }

    /// A test that could not be run.
    pub(crate) fn errored(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::bare(TryOutcome::Errored) }
    }
}

impl<'a> Progress<'a> {
    pub(crate) fn new(dealt: &'a [DealtTest], events: mpsc::Sender<BatchEvent>) -> Self {
        let positions = dealt.iter().enumerate().map(|(position, test)| (test.name.as_str(), position)).collect();
        Self { dealt, positions, outcomes: vec![None; dealt.len()], current: None, events }
    }

    /// The test at a position.
    pub(crate) fn test(&self, position: usize) -> &'a DealtTest {
        &self.dealt[position]
    }

    /// Where the test of this name stands in the batch.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Positions of the tests without a result, in the order in which they were dealt.
    pub(crate) fn pending(&self) -> Vec<usize> {
        (0..self.dealt.len()).filter(|position| self.outcomes[*position].is_none()).collect()
    }

    /// Whether no test has a result.
    pub(crate) fn is_untouched(&self) -> bool {
        self.outcomes.iter().all(Option::is_none)
    }

    /// The test that has begun and has no result.
    pub(crate) const fn current(&self) -> Option<Current> {
        self.current
    }

    /// A test has begun. Runners also name tests that they then leave out, so an unknown name is nothing yet.
    pub(crate) async fn started(&mut self, name: &str) -> Result<(), RunnerFailure> {
        let Some(position) = self.position(name).filter(|position| self.outcomes[*position].is_none()) else {
            return Ok(());
        };
        self.current = Some(Current { position, since: Instant::now() });
        self.send(BatchEvent::Started(self.dealt[position].test)).await
    }

    /// The test of this name has not run after all.
    pub(crate) fn put_off(&mut self, name: &str) {
        let position = self.position(name);
        self.current.take_if(|current| Some(current.position) == position);
    }

    /// The runner gave a verdict under `name`.
    pub(crate) async fn finished(&mut self, name: &str, verdict: Verdict) -> Result<(), RunnerFailure> {
        match self.position(name) {
            Some(position) => self.settle(position, verdict).await,
            None => {
                let message = format!("the runner reported the test `{name}`, which it was not asked to run");
                Err(RunnerFailure::infrastructure(ReasonCode::TestUnknown, message))
            }
        }
    }

    /// The test at `position` gets its one result. A second, different verdict is a broken report.
    pub(crate) async fn settle(&mut self, position: usize, verdict: Verdict) -> Result<(), RunnerFailure> {
        let test = &self.dealt[position];
        if let Some(first) = self.outcomes[position] {
            if first == verdict.outcome {
                return Ok(());
            }
            let message = format!("the runner reported the test `{}` twice, with different results", test.name);
            return Err(RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message));
        }
        let seen = self.current.filter(|current| current.position == position).map(|current| current.since.elapsed());
        if seen.is_some() {
            self.current = None;
        }
        self.outcomes[position] = Some(verdict.outcome);
        let duration = verdict.duration.or(seen).unwrap_or_default();
        self.send(BatchEvent::Result(TestResult {
            test: test.test,
            outcome: verdict.outcome,
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            message: excerpt::message(&verdict.message),
            output: excerpt::output(verdict.output),
        }))
        .await
    }

    /// The test at `position` has ended, and its result is kept back: `verdict` with the time that it took.
    pub(crate) fn pause(&mut self, position: usize, verdict: Verdict) -> Verdict {
        let current = self.current.take_if(|current| current.position == position);
        Verdict { duration: verdict.duration.or(current.map(|current| current.since.elapsed())), ..verdict }
    }

    async fn send(&self, event: BatchEvent) -> Result<(), RunnerFailure> {
        self.events.send(event).await.map_err(|_| RunnerFailure::cancelled())
    }
}

#[cfg(test)]
mod tests {
    use muster_common::id::TestIndex;

    use super::*;

    #[tokio::test]
    async fn a_test_has_one_result_and_a_stranger_none() {
        let dealt = [DealtTest { test: TestIndex(7), name: "a".to_owned(), attempt: 1 }];
        let (events, mut received) = mpsc::channel(8);
        let mut progress = Progress::new(&dealt, events);
        progress.started("a").await.expect("known");
        progress.finished("a", Verdict::bare(TryOutcome::Passed)).await.expect("known");
        assert!(progress.pending().is_empty() && progress.current().is_none());
        progress.finished("a", Verdict::bare(TryOutcome::Passed)).await.expect("the same again changes nothing");
        let twice = progress.finished("a", Verdict::bare(TryOutcome::Failed)).await.expect_err("it differs");
        assert_eq!(twice.reason.code, ReasonCode::ResultsBroken);
        let stranger = progress.finished("b", Verdict::bare(TryOutcome::Passed)).await.expect_err("it was not dealt");
        assert_eq!(stranger.reason.code, ReasonCode::TestUnknown);
        drop(progress);
        assert_eq!(received.recv().await, Some(BatchEvent::Started(TestIndex(7))));
        assert!(matches!(received.recv().await, Some(BatchEvent::Result(_))));
        assert_eq!(received.recv().await, None);
    }
}
