//! A batch in as many runner processes as it takes.
//!
//! A process that dies or has to be killed costs the one test that ran in it; what is left of the batch goes into a new
//! process. Every process after the first follows one that settled at least one test, so there are never more processes
//! than tests. A process that settles nothing ends the batch as a failure of the runner: nothing is ever taken for
//! passed because nothing was said.

use muster_common::control::DealtTest;
use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use tokio::sync::mpsc;

use super::context::RunnerContext;
use super::event::{BatchEnd, BatchEvent};
use super::failure::RunnerFailure;
use super::progress::{Progress, Verdict};
use super::session::{self, Idle, Launch, SessionEnd};
use crate::attempt::exit::Exit;

/// Makes the processes of a batch.
pub(crate) trait Launcher {
    /// The next process, for some of the tests at `pending` (never none).
    async fn launch(
        &mut self,
        context: &RunnerContext,
        progress: &Progress<'_>,
        pending: &[usize],
    ) -> Result<Launch, RunnerFailure>;

    /// Whether a process of this runner that did all that it should may end like this.
    fn is_regular(&self, exit: Exit) -> bool;

    /// A process has ended like this without saying anything of some of its tests. Whether the next one is made in
    /// another way, and so may do better.
    fn may_run_missing(&mut self, _exit: Exit) -> bool {
        false
    }

    /// A process is done with its tests and waits for more.
    fn keep(&mut self, _idle: Idle) {}
}

/// Runs `dealt`.
pub(crate) async fn run(
    context: &RunnerContext,
    dealt: &[DealtTest],
    events: mpsc::Sender<BatchEvent>,
    launcher: &mut impl Launcher,
) -> Result<BatchEnd, RunnerFailure> {
    let mut progress = Progress::new(dealt, events);
    let mut end = BatchEnd::default();
    loop {
        let pending = progress.pending();
        if pending.is_empty() {
            return Ok(end);
        }
        if context.stop.is_cancelled() {
            return Err(RunnerFailure::cancelled());
        }
        let launch = launcher.launch(context, &progress, &pending).await?;
        let asked = launch.positions.clone();
        end.processes += 1;
        let mut session =
            session::run(context, launch, &mut progress).await.map_err(|failure| failure.or_workspace_lost(context))?;
        if end.processes == 1 {
            end.start_cost = session.start_cost;
        }
        let idle = session.idle.take();
        let is_done = idle.is_some();
        idle.into_iter().for_each(|idle| launcher.keep(idle));
        settle(&mut progress, launcher, &asked, session, is_done)
            .await
            .map_err(|failure| failure.or_workspace_lost(context))?;
    }
}

/// Draws the conclusions from a process that has ended.
async fn settle(
    progress: &mut Progress<'_>,
    launcher: &mut impl Launcher,
    asked: &[usize],
    mut session: SessionEnd,
    is_done: bool,
) -> Result<(), RunnerFailure> {
    let is_regular = is_done || launcher.is_regular(session.exit);
    settle_held(progress, &mut session, is_regular).await?;
    let was_in_test = settle_current(progress, &session).await?;
    let pending = progress.pending();
    let missing: Vec<usize> = asked.iter().copied().filter(|position| pending.contains(position)).collect();
    match (missing.is_empty(), is_regular, was_in_test) {
        // Whatever it did not come to, the test that brought it down has its result: go on with the rest.
        (_, _, true) | (true, _, false) => Ok(()),
        (false, _, false) if launcher.may_run_missing(session.exit) => Ok(()),
        (false, false, false) if missing.len() == asked.len() => Err(crashed_before(&session)),
        (false, true, false) if progress.is_untouched() => Err(silent(&session, asked.len())),
        (false, true, false) => settle_missing(progress, &missing, &session).await,
        (false, false, false) => Ok(()),
    }
}

/// Gives the last test of the process its result: the one that the runner said, unless that was good and the runner
/// then died. Nobody else would tell of that death, and what it was the death of has not passed.
async fn settle_held(
    progress: &mut Progress<'_>,
    session: &mut SessionEnd,
    is_regular: bool,
) -> Result<(), RunnerFailure> {
    let Some((position, verdict)) = session.held.take() else { return Ok(()) };
    let is_good = matches!(verdict.outcome, TryOutcome::Passed | TryOutcome::Skipped);
    let verdict = if is_regular || !is_good {
        verdict
    } else {
        let message = format!("the runner {} after this test, its last, had {}", session.exit, word(verdict.outcome));
        Verdict { output: session.tail.bytes(), ..Verdict::errored(message) }
    };
    progress.settle(position, verdict).await
}

const fn word(outcome: TryOutcome) -> &'static str {
    match outcome {
        TryOutcome::Passed => "passed",
        TryOutcome::Failed => "failed",
        TryOutcome::Skipped => "been skipped",
        TryOutcome::Errored => "errored",
    }
}

/// Gives the test in which the process ended its result. Returns whether there was one.
async fn settle_current(progress: &mut Progress<'_>, session: &SessionEnd) -> Result<bool, RunnerFailure> {
    let Some(current) = progress.current() else { return Ok(false) };
    let verdict = if session.timed_out == Some(current.position) {
        let elapsed = current.since.elapsed().as_secs_f64();
        let message = format!("the test ran longer than its time limit: stopped after {elapsed:.1} s");
        Verdict { message, ..Verdict::bare(TryOutcome::Failed) }
    } else {
        Verdict::errored(format!("the runner {} while this test ran", session.exit))
    };
    let verdict = Verdict { output: session.tail.bytes(), ..verdict };
    progress.settle(current.position, verdict).await?;
    Ok(true)
}

async fn settle_missing(
    progress: &mut Progress<'_>,
    missing: &[usize],
    session: &SessionEnd,
) -> Result<(), RunnerFailure> {
    for position in missing {
        let message = format!("the runner {} without a result for this test", session.exit);
        progress.settle(*position, Verdict::errored(message)).await?;
    }
    Ok(())
}

fn crashed(session: &SessionEnd, when: &str) -> RunnerFailure {
    let message = format!("the runner {} {when}{}", session.exit, session.tail.quoted());
    RunnerFailure::infrastructure(ReasonCode::RunnerCrashed, message)
}

fn crashed_before(session: &SessionEnd) -> RunnerFailure {
    let when = if session.is_stalled { "because it did not begin a test in time" } else { "before its first test" };
    crashed(session, when)
}

fn silent(session: &SessionEnd, asked: usize) -> RunnerFailure {
    let message = format!(
        "the runner {} without a result for any of the {asked} tests that it was asked to run{}",
        session.exit,
        session.tail.quoted()
    );
    RunnerFailure::infrastructure(ReasonCode::ResultsMissing, message)
}
