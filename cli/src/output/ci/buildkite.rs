//! Buildkite: groups in the log, and an annotation on the build's page.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Ci, Told};
use crate::exit_code::ExitCode;
use crate::output::markdown::markdown;

/// One job of a build.
#[derive(Debug)]
pub(super) struct Buildkite {
    top: Option<PathBuf>,
}

impl Buildkite {
    /// With the variables that Buildkite sets.
    pub(super) const fn new(top: Option<PathBuf>) -> Self {
        Self { top }
    }
}

impl Ci for Buildkite {
    fn begin(&self) -> String {
        "--- Muster\n".to_owned()
    }

    fn turn(&self) -> String {
        "+++ Report\n".to_owned()
    }

    fn end(&self, _: bool) -> String {
        String::new()
    }

    fn notices(&self, _: Told<'_>) -> String {
        String::new()
    }

    fn publish(&self, told: Told<'_>) -> Result<(), String> {
        annotate(Command::new("buildkite-agent"), told)
    }

    fn top(&self) -> Option<&Path> {
        self.top.as_deref()
    }
}

fn annotate(mut agent: Command, told: Told<'_>) -> Result<(), String> {
    let page = markdown(told.report, told.details, ANNOTATION_BYTES_MAX);
    agent.args(["annotate", "--style", style(told), "--context", &format!("muster-{}", told.report.run.name)]);
    let mut child = match agent.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => child,
        // Where the program is not there, nobody expects an annotation.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot start buildkite-agent: {error}")),
    };
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(page.as_bytes()));
    let status = child.wait().map_err(|error| format!("cannot wait for buildkite-agent: {error}"))?;
    if !status.success() {
        return Err(format!("buildkite-agent annotate ended with {status}"));
    }
    written.map_err(|error| format!("cannot write to buildkite-agent: {error}"))
}

fn style(told: Told<'_>) -> &'static str {
    let tally = told.report.tally();
    match told.exit {
        ExitCode::Passed if tally.flaky + tally.quarantined > 0 => "warning",
        ExitCode::Passed => "success",
        ExitCode::Cancelled => "info",
        ExitCode::Usage
        | ExitCode::NoTests
        | ExitCode::Infrastructure
        | ExitCode::TestsFailed
        | ExitCode::BuildFailed
        | ExitCode::Timeout => "error",
    }
}

/// Bytes of an annotation.
const ANNOTATION_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use muster_proto::v1;

    use super::*;
    use crate::origin::Origin;
    use crate::output::reporter::Details;
    use crate::report::Report;
    use crate::report::samples::{report, test, tests_job};

    #[test]
    fn the_annotation_goes_to_the_agents_program() -> anyhow::Result<()> {
        let out = tempfile::NamedTempFile::new()?;
        let script = format!("{{ echo \"$@\"; cat; }} > '{}'", out.path().display());
        let mut agent = Command::new("sh");
        agent.args(["-c", &script, "buildkite-agent"]);
        let report = green(test(0, "a", v1::TestVerdict::Flaky));
        let (details, origin) = (Details::default(), Origin::default());
        let told = green_told(&report, &details, &origin);
        anyhow::ensure!(annotate(agent, told) == Ok(()));
        let written = std::fs::read_to_string(out.path())?;
        anyhow::ensure!(
            written.starts_with("annotate --style warning --context muster-checks\n### Muster"),
            "{written}"
        );
        anyhow::ensure!(annotate(Command::new("/nowhere/buildkite-agent"), told) == Ok(()));
        Ok(())
    }

    #[test]
    fn a_failure_in_quarantine_is_a_warning_on_a_green_build() {
        let (details, origin) = (Details::default(), Origin::default());
        let excused = v1::RunTest { is_quarantined: true, ..test(0, "a", v1::TestVerdict::Failed) };
        assert_eq!(style(green_told(&green(excused), &details, &origin)), "warning");
        let passed = v1::RunTest { is_quarantined: true, ..test(0, "a", v1::TestVerdict::Passed) };
        assert_eq!(style(green_told(&green(passed), &details, &origin)), "success");
    }

    fn green(test: v1::RunTest) -> Report {
        let tests = vec![test];
        report(v1::Outcome::Passed, vec![tests_job(0, &tests)], tests)
    }

    fn green_told<'a>(report: &'a Report, details: &'a Details, origin: &'a Origin) -> Told<'a> {
        Told { report, details, origin, exit: ExitCode::Passed, has_junit: false }
    }
}
