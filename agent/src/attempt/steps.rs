//! The steps of a job, or of what a test job sets up, one after the other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_common::error_code::{Reason, ReasonCode};
use muster_common::limits::OUTPUTS_BYTES_MAX;
use muster_common::outcome::{AttemptOutcome, Outcome};
use muster_common::pipeline::expression::{Status, StepContext, evaluate_condition, interpolate};
use muster_common::spec::StepSpec;

use super::ending::Ending;
use super::exit::Exit;
use super::lifeline::Lifeline;
use super::orders::Stopper;
use super::process::{Command, Leftovers};
use super::script;
use super::services::Services;
use super::traces::Traces;
use super::variables::Variables;
use super::workspace::Workspace;
use crate::isolation::confinement::Confinement;
use crate::runner::Log;

/// What steps run in.
pub(crate) struct StepRunner<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) log: &'a Log,
    pub(crate) stopper: &'a Stopper,
    pub(crate) grace: Duration,
    /// What they leave running for those after them.
    pub(crate) services: Services,
    /// What they are held to.
    pub(crate) confinement: Option<Arc<Confinement>>,
    /// Counts their commands until nothing of them can be left.
    pub(crate) traces: Traces,
    /// For work that is not safe to repeat.
    pub(crate) lifeline: Option<Lifeline>,
}

impl StepRunner<'_> {
    /// Runs `steps` in order. What they set is in `variables` afterwards. A step after a failed one runs only where its
    /// condition asks for that; the first failure is that of the job.
    pub(crate) async fn run(&self, steps: &[StepSpec], variables: &mut Variables) -> Result<(), Ending> {
        let mut first_failure: Option<Ending> = None;
        for (place, step) in steps.iter().enumerate() {
            if !self.holds(step, variables)? {
                self.log.note(&format!("step `{}` is left out: its condition does not hold", step.name)).await;
                remember(step, variables, Outcome::Skipped, Outcome::Skipped, BTreeMap::new());
                continue;
            }
            let (outcome, outputs) = self.step(place, step, variables).await?;
            let (outcome, ending) = match outcome {
                Ok(()) => (Outcome::Passed, None),
                Err(ending) => (Outcome::Failed, Some(ending)),
            };
            let conclusion = if step.may_fail { Outcome::Passed } else { outcome };
            remember(step, variables, outcome, conclusion, outputs);
            if let Some(ending) = ending {
                // The failure of the last step is that of the job, which is said at its end.
                if step.may_fail || place + 1 < steps.len() {
                    self.note_failure(step, &ending).await;
                }
                if !step.may_fail {
                    variables.context.status = Status::FAILURE;
                    first_failure.get_or_insert(ending);
                }
            }
        }
        first_failure.map_or(Ok(()), Err)
    }

    fn holds(&self, step: &StepSpec, variables: &Variables) -> Result<bool, Ending> {
        let condition = step.condition.as_deref().unwrap_or("success()");
        evaluate_condition(condition, &variables.context)
            .map_err(|error| Ending::expression(&format!("condition of step `{}`", step.name), &error))
    }

    /// The outer error ends the attempt; the inner one is the step's own.
    async fn step(
        &self,
        place: usize,
        step: &StepSpec,
        variables: &Variables,
    ) -> Result<(Result<(), Ending>, BTreeMap<String, String>), Ending> {
        let mut variables = variables.with(&step.env, &format!("env of step `{}`:", step.name))?;
        let text = interpolate(&step.run, &variables.context)
            .map_err(|error| Ending::expression(&format!("step `{}`", step.name), &error))?;
        let output_file = self.workspace.private.join(format!("output-{place}"));
        std::fs::write(&output_file, "").map_err(|error| Ending::disk("create", &output_file, &error))?;
        variables.environment.insert(OUTPUT_VARIABLE.into(), output_file.clone().into_os_string());
        let argv = script::command(
            step.shell,
            &text,
            &self.workspace.private,
            &format!("step-{place}"),
            &variables.environment,
        )
        .map_err(|error| Ending::disk("write a script into", &self.workspace.private, &error))?;
        let exit = match self.command(step, argv, variables).await {
            Ok(exit) => exit,
            Err(ending) => return Ok((Err(ending), BTreeMap::new())),
        };
        if let Some(stop) = self.stopper.reason() {
            return Err(Ending::stopped(stop));
        }
        if !self.workspace.is_there() {
            let message = format!("the workspace was gone when step `{}` {exit}", step.name);
            return Err(Ending::errored(ReasonCode::WorkspaceLost, message));
        }
        let outputs = read_outputs(&output_file, &step.name)?;
        Ok((self.judge(step, exit), outputs))
    }

    async fn command(&self, step: &StepSpec, argv: Vec<OsString>, variables: Variables) -> Result<Exit, Ending> {
        let directory = self.workspace.beneath(step.working_directory.as_deref())?;
        let mut command = Command::new(argv, directory, variables.environment);
        command.timeout = step.timeout_ms.map(Duration::from_millis);
        command.grace = self.grace;
        // A step may start a service for those that follow; the attempt's end ends it.
        command.leftovers = Leftovers::Keep(self.services.clone());
        command.lifeline = self.lifeline.clone();
        command.confinement = self.confinement.clone();
        command.traces = self.traces.clone();
        self.log.note(&format!("step `{}`", step.name)).await;
        let mut running = command
            .start(self.stopper.token())
            .await
            .map_err(|error| Ending::start(&format!("step `{}`", step.name), &error))?;
        while let Some(chunk) = running.output.recv().await {
            self.log.write(chunk.bytes).await;
        }
        Ok(running.ended().await.exit)
    }

    fn judge(&self, step: &StepSpec, exit: Exit) -> Result<(), Ending> {
        let Some(reason) = exit.reason(&format!("step `{}`", step.name)) else { return Ok(()) };
        if self.workspace.is_disk_full() {
            let message = format!("{}: there is no room left on the agent's disk", reason.message);
            return Err(Ending::errored(ReasonCode::DiskFull, message));
        }
        Err(Ending(AttemptOutcome::Failed { reason }))
    }

    async fn note_failure(&self, step: &StepSpec, ending: &Ending) {
        let reason = match &ending.0 {
            AttemptOutcome::Failed { reason } | AttemptOutcome::Errored { reason } => reason.clone(),
            AttemptOutcome::Passed | AttemptOutcome::TimedOut | AttemptOutcome::Cancelled => {
                Reason::new(ReasonCode::Internal, format!("step `{}` did not end", step.name))
            }
        };
        let allowed = if step.may_fail { ", which it may" } else { "" };
        self.log.note(&format!("{reason}{allowed}")).await;
    }
}

/// A job's outputs, computed.
pub(crate) fn job_outputs(
    outputs: &BTreeMap<String, String>,
    variables: &Variables,
) -> Result<BTreeMap<String, String>, Ending> {
    let mut computed = BTreeMap::new();
    for (name, text) in outputs {
        let value = interpolate(text, &variables.context)
            .map_err(|error| Ending::expression(&format!("output `{name}`"), &error))?;
        computed.insert(name.clone(), value);
    }
    let bytes: usize = computed.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > OUTPUTS_BYTES_MAX {
        let message =
            format!("the job's outputs have {bytes} bytes, more than {OUTPUTS_BYTES_MAX}; hand over an artifact");
        return Err(Ending::failed(ReasonCode::LimitExceeded, message));
    }
    Ok(computed)
}

fn remember(
    step: &StepSpec,
    variables: &mut Variables,
    outcome: Outcome,
    conclusion: Outcome,
    outputs: BTreeMap<String, String>,
) {
    if let Some(id) = &step.id {
        variables.context.steps.insert(id.clone(), StepContext { outcome, conclusion, outputs });
    }
}

/// What a step has written into `$MUSTER_OUTPUT`: lines `name=value`, of which the last of a name counts.
fn read_outputs(file: &Path, step: &str) -> Result<BTreeMap<String, String>, Ending> {
    let invalid = |message: String| Ending::failed(ReasonCode::LimitExceeded, format!("step `{step}`: {message}"));
    let length = std::fs::metadata(file).map_or(0, |found| found.len());
    if length > OUTPUTS_BYTES_MAX as u64 {
        return Err(invalid(format!(
            "$MUSTER_OUTPUT has {length} bytes, more than {OUTPUTS_BYTES_MAX}; hand over an artifact"
        )));
    }
    // A step may remove the file; then it has set nothing.
    let Ok(bytes) = std::fs::read(file) else { return Ok(BTreeMap::new()) };
    let text = String::from_utf8(bytes).map_err(|_| invalid("$MUSTER_OUTPUT is not UTF-8".to_owned()))?;
    let mut outputs = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Some((name, value)) = line.split_once('=') else {
            return Err(invalid(format!("a line of $MUSTER_OUTPUT is not `name=value`: `{line:.100}`")));
        };
        outputs.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(outputs)
}

/// Names the file into which a step writes what it sets.
const OUTPUT_VARIABLE: &str = "MUSTER_OUTPUT";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_lines_and_anything_else_is_refused() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("output");
        assert_eq!(read_outputs(&file, "s"), Ok(BTreeMap::new()));
        std::fs::write(&file, "a=1\n\nb = x=y \na=2\n")?;
        let outputs = read_outputs(&file, "s").map_err(|ending| anyhow::anyhow!("{ending:?}"))?;
        assert_eq!(outputs, [("a", "2"), ("b", " x=y ")].map(|(n, v)| (n.to_owned(), v.to_owned())).into());
        for bad in ["no equals sign\n".to_owned(), "x".repeat(OUTPUTS_BYTES_MAX + 1)] {
            std::fs::write(&file, bad)?;
            assert!(read_outputs(&file, "s").is_err());
        }
        Ok(())
    }
}
