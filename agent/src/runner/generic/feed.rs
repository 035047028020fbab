//! A run of the generic runner: silent until it has ended, then its result files speak.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use muster_common::spec::ResultFormat;

use super::matching;
use super::snapshot::Snapshot;
use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::report::case::Case;
use crate::report::format::read_file;
use crate::runner::excerpt::Tail;
use crate::runner::failure::RunnerFailure;
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// Reads what a run leaves.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) names: Vec<String>,
    pub(super) directory: PathBuf,
    pub(super) patterns: Vec<String>,
    pub(super) format: ResultFormat,
    pub(super) before: Snapshot,
    pub(super) tail: Tail,
}

/// Whether something else ended it, so that what it left is not all that it would have said. A shell says 128 and the
/// number of the signal of a command that was ended by one.
pub(super) const fn was_killed(exit: Exit) -> bool {
    match exit {
        Exit::Status(status) => matches!(status, 129..=192),
        Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => true,
    }
}

/// A shell says 126 and 127 of a command that it cannot start.
pub(super) const fn is_missing_program(exit: Exit) -> bool {
    matches!(exit, Exit::Status(126 | 127))
}

impl Results {
    fn read(&self, exit: Exit) -> Result<BTreeMap<String, Verdict>, RunnerFailure> {
        let files = self.before.newer(&self.directory, &self.patterns)?;
        if files.is_empty() && !was_killed(exit) {
            return self.without_results(exit);
        }
        let mut cases: Vec<Case> = Vec::new();
        for file in files {
            let read = read_file(self.format, &self.directory, &file).map_err(|error| {
                let message = format!("cannot read the results in `{}`: {error}", file.display());
                RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
            })?;
            cases.extend(read);
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let verdicts = matching::verdicts(&names, cases)?;
        let is_bad = |verdict: &Verdict| matches!(verdict.outcome, TryOutcome::Failed | TryOutcome::Errored);
        if matches!(exit, Exit::Status(1..)) && verdicts.len() == names.len() && !verdicts.values().any(is_bad) {
            let message = format!("the `run` command {exit} although every test in its results passed");
            return Err(RunnerFailure::infrastructure(ReasonCode::RunnerCrashed, message));
        }
        Ok(verdicts)
    }

    /// It ended by itself and left nothing. One test alone that makes it give up costs no more than that test.
    fn without_results(&self, exit: Exit) -> Result<BTreeMap<String, Verdict>, RunnerFailure> {
        let message = format!(
            "the `run` command {exit} and wrote no results: nothing new matches `{}` beneath `{}`",
            self.patterns.join("`, `"),
            self.directory.display()
        );
        let said = self.tail.quoted();
        match &self.names[..] {
            _ if is_missing_program(exit) => {
                Err(RunnerFailure::infrastructure(ReasonCode::RunnerMissing, format!("{message}{said}")))
            }
            [name] if !exit.is_success() => {
                let verdict = Verdict { output: self.tail.bytes(), ..Verdict::errored(message) };
                Ok(BTreeMap::from([(name.clone(), verdict)]))
            }
            _ => Err(RunnerFailure::infrastructure(ReasonCode::ResultsMissing, format!("{message}{said}"))),
        }
    }
}

impl Feed for Results {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn begin(&mut self) -> Vec<Said> {
        // Of one test it is known when it begins; of several, the runner does not say.
        match &self.names[..] {
            [name] => vec![Said::Started(name.clone())],
            _ => Vec::new(),
        }
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        self.tail.push(&chunk.bytes);
        Vec::new()
    }

    fn end(&mut self, exit: Exit) -> Vec<Said> {
        match self.read(exit) {
            Ok(verdicts) => verdicts.into_iter().map(|(name, verdict)| Said::Finished(name, verdict)).collect(),
            // A run that was cut off leaves what it leaves; its tests are run again one by one.
            Err(_) if was_killed(exit) => Vec::new(),
            Err(failure) => vec![Said::Trouble(failure)],
        }
    }
}
