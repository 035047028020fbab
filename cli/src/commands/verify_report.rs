//! `muster verify-report`: is a report true to itself, and to its coordinator?

use std::path::PathBuf;

use clap::Args;
use muster_common::id::RunId;
use serde::Serialize;

use super::{print, print_json};
use crate::arguments::Place;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::finished_run;
use crate::fleet::Fleet;
use crate::output::text::{counted, one_line};
use crate::proof::{self, Document, Finding, ReadError};

/// Check a report that --report wrote: its digest, every sum, and every verdict
#[derive(Debug, Args)]
pub(crate) struct VerifyReport {
    /// The report
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also hold it against this run, as its coordinator tells of it
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,
    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    place: Place,
}

/// What was found. Described in `docs/reference/report.md`.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    is_true: bool,
    run: u64,
    project: &'a str,
    outcome: Option<muster_common::outcome::Outcome>,
    digest: &'a str,
    jobs: usize,
    tests: usize,
    compared_with: Option<String>,
    findings: &'a [Finding],
}

impl VerifyReport {
    /// Checks it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let document = proof::read(&self.file).map_err(|error| self.refusal(error))?;
        let mut findings = proof::check(&document);
        let compared_with = match self.run {
            Some(run) => {
                let (coordinator, theirs) = self.theirs(run).await?;
                findings.extend(proof::compare(&document, &theirs));
                Some(coordinator)
            }
            None => None,
        };
        let answer = Answer {
            is_true: findings.is_empty(),
            run: document.run.run,
            project: &document.run.project,
            outcome: document.run.outcome,
            digest: &document.digest,
            jobs: document.jobs.len(),
            tests: document.tests.len(),
            compared_with,
            findings: &findings,
        };
        if self.json {
            print_json(&answer)?;
        } else {
            print(&told(&answer));
        }
        Ok(if answer.is_true { ExitCode::Passed } else { ExitCode::Infrastructure })
    }

    async fn theirs(&self, run: RunId) -> Result<(String, Document), Failure> {
        let fleet = Fleet::to_read(&self.place).await?;
        let report = finished_run::read(fleet.client(), run).await;
        let name = format!("run {run} at {}", fleet.name());
        fleet.shut_down().await;
        Ok((name, Document::of(&report?)))
    }

    fn refusal(&self, error: ReadError) -> Failure {
        let what = format!("cannot check {}", self.file.display());
        match error {
            ReadError::File(_) => Failure::usage(what).because(error),
            ReadError::TooLarge | ReadError::Content(_) => Failure::infrastructure(what).because(error),
            ReadError::Format { .. } => Failure::infrastructure(what)
                .because(error)
                .advise("`muster --version` of the command that wrote it, or newer, can check it"),
        }
    }
}

fn told(answer: &Answer<'_>) -> String {
    let outcome = answer.outcome.map_or("not over", muster_common::outcome::Outcome::word);
    let mut text = format!(
        "run {} of {}: {outcome}, {} in {}\n{}\n",
        answer.run,
        one_line(answer.project),
        counted(answer.tests as u64, "test"),
        counted(answer.jobs as u64, "job"),
        answer.digest
    );
    if let Some(coordinator) = &answer.compared_with {
        text.push_str(&format!("compared with {coordinator}\n"));
    }
    for finding in answer.findings.iter().take(FINDINGS_SHOWN_MAX) {
        text.push_str(&format!("  {finding}\n"));
    }
    if answer.findings.len() > FINDINGS_SHOWN_MAX {
        let more = answer.findings.len() - FINDINGS_SHOWN_MAX;
        text.push_str(&format!("  … and {more} more; --json has them\n"));
    }
    text.push_str(if answer.is_true {
        "the report is whole and true to itself\n"
    } else {
        "this report proves nothing\n"
    });
    text
}

const FINDINGS_SHOWN_MAX: usize = 50;
