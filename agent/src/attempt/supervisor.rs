//! One attempt, from its lease to its end.
//!
//! [`Attempt::run`] is the whole of it: folders, workspace, work, artifacts, log, and then the one message that says how it
//! ended. Whatever happens inside, a panic included, there is exactly one such message, and nothing is left running.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use muster_common::control::{ArtifactMade, Finished, Lease, LeaseWork, Seal};
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::Token;
use muster_common::outcome::AttemptOutcome;
use muster_common::spec::TestSpec;
use muster_service::blob::BlobClient;
use muster_service::workspace::progress::unwatched;
use muster_service::workspace::upload_artifact;
use muster_session::Work;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ending::{self, Ending};
use super::kept_lists::kept_lists;
use super::leftovers::{self, Mark, Sweep};
use super::logs::{self, AttemptLog, LogEnd, LogName};
use super::orders::{OrderReceiver, Stop};
use super::services::Services;
use super::steps::{StepRunner, job_outputs};
use super::test_work;
use super::traces::Traces;
use super::variables::Variables;
use super::workspace::{Source, Workspace};
use crate::host::Host;
use crate::isolation::offer::Confined;
use crate::runner::kept::Lists;
use crate::runner::{Log, RunnerContext};

/// A lease that is to be carried out.
pub(crate) struct Attempt {
    pub(crate) lease: Lease,
    pub(crate) host: Arc<Host>,
    pub(crate) work: mpsc::Sender<Work>,
    pub(crate) orders: OrderReceiver,
}

/// What an attempt hands over when it has passed.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) artifacts: Vec<ArtifactMade>,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) seal: Option<Seal>,
}

impl Attempt {
    /// Carries it out; returns its token when nothing of it is left.
    pub(crate) async fn run(mut self) -> Token {
        let token = self.lease.token;
        tracing::info!(%token, job = %self.lease.job, name = %self.lease.job_name, work = work_name(&self.lease.work), "attempt begins");
        let mark = Mark::unique(MARK);
        let mut workspace = None;
        let (outcome, made, log_end) = match Workspace::folders(&self.lease, &self.host) {
            Ok(folders) => self.run_in(workspace.insert(folders), &mark).await,
            Err(Ending(outcome)) => (outcome, Made::default(), LogEnd { bytes: 0, is_complete: true }),
        };
        // First: whoever gets the slot next needs the room as well.
        if let Some(workspace) = workspace {
            workspace.remove().await;
        }
        tracing::info!(%token, outcome = ?outcome, log_bytes = log_end.bytes, "attempt has ended");
        if self.orders.stopper.reason() != Some(Stop::AgentLeaves) {
            let finished = Finished {
                token,
                outcome,
                log_bytes: log_end.bytes,
                is_log_complete: log_end.is_complete,
                artifacts: made.artifacts,
                outputs: made.outputs,
                seal: made.seal,
            };
            // The agent is leaving; its leases run out.
            let _ = self.work.send(Work::Finished(Box::new(finished))).await;
        }
        token
    }

    async fn run_in(&mut self, workspace: &mut Workspace, mark: &Mark) -> (AttemptOutcome, Made, LogEnd) {
        let name = LogName { token: self.lease.token, job: self.lease.job, stream: stream_name(&self.lease) };
        let path = workspace.folder.join("log");
        let (attempt_log, log) = AttemptLog::begin(name, path, self.host.bulk.clone(), self.host.is_connected.clone());
        let mut running = RunningParts::default();
        let guarded = AssertUnwindSafe(self.work_in(workspace, mark, &log, &mut running)).catch_unwind().await;
        let ended = guarded.unwrap_or_else(|_| {
            Err(Ending::errored(
                ReasonCode::Internal,
                "the agent's supervisor of this attempt panicked; please report it",
            ))
        });
        self.sweep(mark, &log, running).await;
        // A stop explains everything that came of it.
        let ended = match self.orders.stopper.reason() {
            Some(stop) => Err(Ending::stopped(stop)),
            None => ended,
        };
        let (outcome, made) = match ended {
            Ok(made) => (AttemptOutcome::Passed, made),
            Err(Ending(outcome)) => (outcome, Made::default()),
        };
        note_outcome(&log, &outcome).await;
        drop(log);
        let patience = match self.orders.stopper.reason() {
            Some(Stop::Superseded | Stop::AgentLeaves) => Duration::ZERO,
            Some(Stop::Cancelled | Stop::Timeout | Stop::Fenced) | None => logs::PATIENCE,
        };
        let log_end = tokio::select! {
            log_end = attempt_log.finish(patience) => log_end,
            () = self.host.leaving.cancelled() => LogEnd { bytes: 0, is_complete: false },
        };
        (outcome, made, log_end)
    }

    /// The work itself, held to the job's time limit and to the coordinator's word.
    async fn work_in(
        &mut self,
        workspace: &mut Workspace,
        mark: &Mark,
        log: &Log,
        running: &mut RunningParts,
    ) -> Result<Made, Ending> {
        let limit = Duration::from_millis(self.lease.timeout_ms);
        let stopper = self.orders.stopper.clone();
        let timer = {
            let stopper = stopper.clone();
            tokio::spawn(async move {
                tokio::time::sleep(limit).await;
                stopper.stop(Stop::Timeout);
            })
        };
        // Commands stop by themselves and are waited for; what else goes on is given up some time after the stop.
        let given_up = async {
            stopper.token().cancelled().await;
            tokio::time::sleep(self.host.grace + STOP_WAIT_MAX).await;
        };
        let host = Arc::clone(&self.host);
        let blobs = host.blobs.patient_until(Instant::now() + limit);
        let tools = Tools { host: &host, blobs: &blobs, workspace, mark, log, running };
        let outcome = tokio::select! {
            outcome = carry_out(&self.lease, &mut self.orders, &self.work, tools) => outcome,
            () = given_up => Err(Ending::stopped(Stop::Timeout)),
        };
        timer.abort();
        outcome
    }

    async fn sweep(&self, mark: &Mark, log: &Log, running: RunningParts) {
        // First what ends everything in it at once.
        let is_all_gone = match running.confined {
            Some(confined) => confined.end().await,
            None => false,
        };
        running.services.end().await;
        if is_all_gone || !running.traces.may_be_there() {
            return;
        }
        let survivors = leftovers::end(Sweep { mark: mark.clone(), session: None, beneath: None }).await;
        if !survivors.is_empty() {
            tracing::error!(token = %self.lease.token, ?survivors, "processes of an attempt cannot be ended");
            log.note(&format!("processes that could not be ended: {survivors:?}")).await;
        }
    }
}

/// What of an attempt may still run when its work is over.
#[derive(Debug, Default)]
struct RunningParts {
    services: Services,
    traces: Traces,
    confined: Option<Confined>,
}

/// What the work of an attempt is done with.
struct Tools<'a> {
    host: &'a Host,
    blobs: &'a BlobClient,
    workspace: &'a mut Workspace,
    mark: &'a Mark,
    log: &'a Log,
    running: &'a mut RunningParts,
}

async fn carry_out(
    lease: &Lease,
    orders: &mut OrderReceiver,
    work: &mpsc::Sender<Work>,
    tools: Tools<'_>,
) -> Result<Made, Ending> {
    let Tools { host, blobs, workspace, mark, log, running } = tools;
    orders.stopper.unless_stopped(workspace.fill(Source { lease, host, blobs, log })).await??;
    let confining = orders.stopper.unless_stopped(host.offer.confine(workspace.places())).await?;
    let confined = running.confined.insert(confining.map_err(|error| Ending::confinement(&error))?);
    let mut variables = Variables::of(lease, host, workspace, mark)?;
    // The agent is leaving; nobody hears it.
    let _ = work.send(Work::Started(lease.token)).await;
    let stopper = orders.stopper.clone();
    let lifeline = (!lease.is_repeatable).then(|| host.lifeline.clone());
    let steps = StepRunner {
        workspace,
        log,
        stopper: &stopper,
        grace: host.grace,
        services: running.services.clone(),
        confinement: confined.confinement.clone(),
        traces: running.traces.clone(),
        lifeline,
    };
    let mut made = match &lease.work {
        LeaseWork::Steps(list) => {
            steps.run(list, &mut variables).await?;
            Made::default()
        }
        LeaseWork::TestBuild(tests) | LeaseWork::Discover(tests) | LeaseWork::Shard(tests) => {
            steps.run(&tests.setup, &mut variables).await?;
            let lists = kept_lists(lease, host, &variables, blobs).await;
            let context = RunnerContext { lists, ..runner_context(tests, &steps, &variables)? };
            let tests = test_work::TestWork { tests, context, work, orders: &mut orders.orders, stopper: &stopper };
            test_work::run(lease, tests, blobs).await?
        }
    };
    for artifact in &lease.artifacts {
        let storing = upload_artifact(blobs, &workspace.root, &artifact.paths, unwatched());
        let stored = stopper.unless_stopped(storing).await?;
        let stored = stored.map_err(|error| ending::artifact(&artifact.name, &error))?;
        for path in &stored.left_out {
            log.note(&format!("artifact `{}`: left out {path}, which is neither a file nor a folder", artifact.name))
                .await;
        }
        made.artifacts.push(ArtifactMade { name: artifact.name.clone(), root: stored.root });
    }
    made.outputs = job_outputs(&lease.outputs, &variables)?;
    Ok(made)
}

/// What a runner is given: the same as the steps before it.
fn runner_context(tests: &TestSpec, steps: &StepRunner<'_>, variables: &Variables) -> Result<RunnerContext, Ending> {
    let StepRunner { workspace, log, stopper, grace, lifeline, confinement, traces, .. } = steps;
    let directory = workspace.beneath(tests.working_directory.as_deref())?;
    if !directory.is_dir() {
        let message = format!(
            "working directory `{}` is not in the workspace",
            tests.working_directory.as_deref().unwrap_or(".")
        );
        return Err(Ending::failed(ReasonCode::WorkspaceFailed, message));
    }
    Ok(RunnerContext {
        directory,
        environment: variables.environment.clone(),
        private_dir: workspace.private.clone(),
        build_dir: workspace.build.clone(),
        log: (*log).clone(),
        stop: stopper.token().clone(),
        test_timeout: Duration::from_millis(tests.test_timeout_ms),
        grace: *grace,
        lifeline: lifeline.clone(),
        confinement: confinement.clone(),
        traces: traces.clone(),
        lists: Lists::default(),
    })
}

async fn note_outcome(log: &Log, outcome: &AttemptOutcome) {
    match outcome {
        AttemptOutcome::Passed => {}
        AttemptOutcome::Failed { reason } => log.note(&format!("failed: {}", unquoted(reason))).await,
        AttemptOutcome::Errored { reason } => log.note(&format!("could not be run: {}", unquoted(reason))).await,
        AttemptOutcome::TimedOut => log.note("stopped: it ran longer than its time limit").await,
        AttemptOutcome::Cancelled => log.note("stopped: it was cancelled").await,
    }
}

/// A reason without the last words of a process that it may end with: they stand in the log already.
fn unquoted(reason: &Reason) -> &str {
    reason.message.split_once(":\n").map_or(reason.message.as_str(), |(message, _)| message)
}

const fn work_name(work: &LeaseWork) -> &'static str {
    match work {
        LeaseWork::Steps(_) => "steps",
        LeaseWork::TestBuild(_) => "build",
        LeaseWork::Discover(_) => "discover",
        LeaseWork::Shard(_) => "shard",
    }
}

/// What people call an attempt's log.
fn stream_name(lease: &Lease) -> String {
    match lease.shard {
        Some(shard) => format!("{}-{shard}", work_name(&lease.work)),
        None => work_name(&lease.work).to_owned(),
    }
}

/// Name of the variable that marks the processes of one attempt.
const MARK: &str = "MUSTER_ATTEMPT_MARK";
/// How long a stopped attempt may take beyond the grace of its processes.
const STOP_WAIT_MAX: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_holds_is_not_said_in_it_again() {
        let reason = |message: &str| Reason::new(ReasonCode::BuildFailed, message);
        assert_eq!(
            unquoted(&reason("it ended with exit status 101:\nerror: x\nerror: y")),
            "it ended with exit status 101"
        );
        assert_eq!(unquoted(&reason("`a: b` is missing")), "`a: b` is missing");
    }
}
