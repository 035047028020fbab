//! The reports of a run, once it has ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use muster_common::spec::ResultFormat;

use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::report::case::{Case, CaseOutcome};
use crate::report::format::read_file;
use crate::runner::excerpt::Tail;
use crate::runner::failure::RunnerFailure;
use crate::runner::generic::Snapshot;
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// Reads what a run leaves.
#[derive(Debug)]
pub(super) struct Reports {
    pub(super) tool: &'static str,
    pub(super) names: Vec<String>,
    pub(super) directory: PathBuf,
    pub(super) patterns: Vec<String>,
    pub(super) before: Snapshot,
    pub(super) tail: Tail,
}

/// The tests in new reports, in the order of classes, each once.
pub(super) fn cases(
    before: &Snapshot,
    directory: &Path,
    patterns: &[String],
) -> Result<BTreeMap<String, Case>, RunnerFailure> {
    let mut found: BTreeMap<String, Case> = BTreeMap::new();
    for file in before.newer(directory, patterns)? {
        let read = read_file(ResultFormat::Junit, directory, &file).map_err(|error| {
            let message = format!("cannot read the report in `{}`: {error}", file.display());
            RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
        })?;
        for case in read {
            let name = format!("{}#{}", case.class, case.name.strip_suffix("()").unwrap_or(&case.name));
            match found.get(&name) {
                // Several calls of one name are one test, which passed if all did.
                Some(first) if first.outcome.is_bad() || !case.outcome.is_bad() => {}
                Some(_) | None => {
                    found.insert(name, case);
                }
            }
        }
    }
    Ok(found)
}

fn verdict(case: Case) -> Verdict {
    let (outcome, message) = match case.outcome {
        CaseOutcome::Passed => (TryOutcome::Passed, String::new()),
        CaseOutcome::Skipped => (TryOutcome::Skipped, case.message),
        CaseOutcome::Flaky => {
            (TryOutcome::Failed, format!("failed, then passed when the runner repeated it by itself\n{}", case.message))
        }
        CaseOutcome::Failed | CaseOutcome::Errored => {
            let message = if case.message.is_empty() { "the test failed".to_owned() } else { case.message };
            (TryOutcome::Failed, message)
        }
    };
    Verdict { outcome, duration: case.duration, message, output: case.output.into_bytes() }
}

impl Reports {
    fn read(&self, exit: Exit) -> Vec<Said> {
        let mut found = match cases(&self.before, &self.directory, &self.patterns) {
            Ok(found) => found,
            Err(failure) => return vec![Said::Trouble(failure)],
        };
        let mut said: Vec<Said> = Vec::new();
        for name in &self.names {
            said.extend(found.remove(name).map(|case| Said::Finished(name.clone(), verdict(case))));
        }
        // What could not be set up is reported under the class alone: it is why tests of the class are not there.
        for (name, case) in found.into_iter().filter(|(_, case)| case.outcome.is_bad()) {
            let class = name.split('#').next().unwrap_or(&name).to_owned();
            let is_reported =
                |name: &String| said.iter().any(|one| matches!(one, Said::Finished(done, _) if done == name));
            let lost = self
                .names
                .iter()
                .filter(|name| name.split('#').next() == Some(&class))
                .filter(|name| !is_reported(name));
            let lost: Vec<String> = lost.cloned().collect();
            said.extend(lost.into_iter().map(|name| Said::Finished(name, verdict(case.clone()))));
        }
        if said.is_empty() && matches!(exit, Exit::Status(1..)) {
            let message = format!("{} {exit} without a report of any wanted test{}", self.tool, self.tail.quoted());
            return vec![Said::Trouble(RunnerFailure::infrastructure(ReasonCode::ResultsMissing, message))];
        }
        said
    }
}

impl Feed for Reports {
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
        match exit {
            Exit::Status(_) => self.read(exit),
            // A run that was cut off leaves what it leaves; its tests are run again one by one.
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => Vec::new(),
        }
    }
}
