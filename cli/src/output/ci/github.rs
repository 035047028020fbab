//! GitHub Actions: annotations by workflow commands in the log, a step summary by a file.
//!
//! What tests write must not pass for a command, so commands are switched off while anything of theirs may be shown.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use muster_proto::v1;

use super::{Ci, Told};
use crate::output::location::{Location, find};
use crate::output::markdown::markdown;
use crate::output::text::{first_line, lines, one_line};
use crate::report::is_excused;

/// One step of a workflow.
#[derive(Debug)]
pub(super) struct Github {
    workspace: Option<PathBuf>,
    summary: Option<PathBuf>,
    /// The word that switches commands on again; nobody can guess it.
    token: String,
}

impl Github {
    /// With the variables that GitHub sets.
    pub(super) fn new(workspace: Option<PathBuf>, summary: Option<PathBuf>) -> Self {
        Self { workspace, summary, token: uuid::Uuid::new_v4().simple().to_string() }
    }
}

impl Ci for Github {
    fn begin(&self) -> String {
        format!("::stop-commands::{}\n", self.token)
    }

    fn turn(&self) -> String {
        String::new()
    }

    fn end(&self, _: bool) -> String {
        format!("::{}::\n", self.token)
    }

    fn notices(&self, told: Told<'_>) -> String {
        annotations(told)
    }

    fn publish(&self, told: Told<'_>) -> Result<(), String> {
        let Some(path) = &self.summary else { return Ok(()) };
        append(path, told).map_err(|error| format!("cannot write the step summary {}: {error}", path.display()))
    }

    fn top(&self) -> Option<&Path> {
        self.workspace.as_deref()
    }
}

fn append(path: &Path, told: Told<'_>) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let taken = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let room = SUMMARY_BYTES_MAX.saturating_sub(taken);
    // Where a summary grows over its limit, GitHub shows nothing of it.
    if room < SUMMARY_BYTES_MIN {
        return Ok(());
    }
    file.write_all(markdown(told.report, told.details, room).as_bytes())
}

/// The annotations of a report: as many as GitHub shows of one step, the last one with the number of those left out.
fn annotations(told: Told<'_>) -> String {
    let of = |verdicts: &'static [v1::TestVerdict]| {
        told.report.tests.iter().filter(move |test| verdicts.contains(&test.verdict()))
    };
    let bad = of(&[v1::TestVerdict::Failed, v1::TestVerdict::Errored]).filter(|test| !is_excused(test));
    let bad = bad.map(|test| of_test(told, test));
    let jobs = told.report.jobs().filter(|job| is_told(job)).map(of_job);
    let excused = told.report.tests.iter().filter(|test| is_excused(test));
    let weak = of(&[v1::TestVerdict::Flaky]).chain(excused).map(|test| of_test(told, test));
    limited("error", bad.chain(jobs)) + &limited("warning", weak)
}

struct Annotation {
    location: Option<Location>,
    title: String,
    message: String,
}

fn limited(kind: &str, all: impl Iterator<Item = Annotation>) -> String {
    let all: Vec<Annotation> = all.collect();
    let shown = if all.len() > ANNOTATIONS_MAX { ANNOTATIONS_MAX - 1 } else { all.len() };
    let mut text: String = all[..shown].iter().map(|annotation| annotation.command(kind)).collect();
    if shown < all.len() {
        let title = format!("{} more", all.len() - shown);
        let message = "the step summary and the end of the log list them".to_owned();
        text.push_str(&Annotation { location: None, title, message }.command(kind));
    }
    text
}

fn of_test(told: Told<'_>, test: &v1::RunTest) -> Annotation {
    let bad = test.tries.iter().rev().find(|a_try| a_try.outcome() != v1::TryOutcome::Passed);
    let message = bad.map(|a_try| lines(a_try.message.as_bytes()).join("\n")).unwrap_or_default();
    let output = bad.and_then(|a_try| told.details.outputs.get(&(test.job, test.test, a_try.attempt)));
    let output = output.map(|output| lines(output).join("\n")).unwrap_or_default();
    let job = told.report.job_name(test.job);
    let file = crate::output::junit::part(&test.name, told.origin.runners.get(&test.job).copied(), job).file;
    let location = find(&message, &output, file.as_deref());
    let location = location.map(|location| Location { file: told.origin.path(test.job, &location.file), ..location });
    let what = match test.verdict() {
        v1::TestVerdict::Failed if is_excused(test) => "failed in quarantine",
        v1::TestVerdict::Failed => "failed",
        v1::TestVerdict::Errored => "could not be run",
        v1::TestVerdict::Flaky => "is flaky",
        v1::TestVerdict::Passed | v1::TestVerdict::Skipped | v1::TestVerdict::Unspecified => "did not pass",
    };
    let message = if message.trim().is_empty() { format!("{} {what}", one_line(&test.name)) } else { message };
    Annotation { location, title: format!("{} {what}", one_line(&test.name)), message }
}

fn is_told(job: &v1::Job) -> bool {
    let is_bad = matches!(job.outcome(), v1::Outcome::Failed | v1::Outcome::Errored | v1::Outcome::TimedOut);
    is_bad && !job.may_fail && job.reason.as_ref().is_none_or(|reason| reason.code != "tests_failed")
}

fn of_job(job: &v1::Job) -> Annotation {
    let outcome = crate::output::human::outcome_word(job.outcome());
    let title = format!("job {} {outcome}", one_line(&job.name));
    let message = job.reason.as_ref().map(|reason| first_line(&reason.message)).unwrap_or_default();
    Annotation { location: None, title, message: if message.is_empty() { outcome.to_owned() } else { message } }
}

impl Annotation {
    fn command(&self, kind: &str) -> String {
        let mut properties = Vec::new();
        if let Some(Location { file, line }) = &self.location {
            properties.push(format!("file={}", property(file)));
            properties.extend(line.map(|line| format!("line={line}")));
        }
        properties.push(format!("title={}", property(cut(&self.title, TITLE_BYTES_MAX))));
        format!("::{kind} {}::{}\n", properties.join(","), data(cut(&self.message, MESSAGE_BYTES_MAX)))
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max.min(text.len()))]
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Annotations of one kind that GitHub shows of one step.
const ANNOTATIONS_MAX: usize = 10;
/// Bytes of a step's summary.
const SUMMARY_BYTES_MAX: usize = 1 << 20;
/// Room below which a summary says nothing.
const SUMMARY_BYTES_MIN: usize = 16 << 10;
const TITLE_BYTES_MAX: usize = 255;
const MESSAGE_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::ExitCode;
    use crate::origin::Origin;
    use crate::output::reporter::Details;
    use crate::report::Report;
    use crate::report::samples::{report, test, tests_job};
    use v1::TestVerdict as Verdict;

    fn sample(tests: Vec<v1::RunTest>) -> Report {
        report(v1::Outcome::Failed, vec![tests_job(0, &tests)], tests)
    }

    fn noticed(report: &Report) -> String {
        let (details, origin) = (Details::default(), Origin::default());
        let told = Told { report, details: &details, origin: &origin, exit: ExitCode::TestsFailed, has_junit: false };
        Github::new(None, None).notices(told)
    }

    #[test]
    fn annotations_name_file_and_line_and_are_escaped() {
        let mut failed = test(0, "tests/test_a.py::test_b[x,y]", Verdict::Failed);
        failed.tries[1].message = "50% off:\r\ntests/test_a.py:12: AssertionError".to_owned();
        let flaky = test(1, "crate::bin tests::flakes", Verdict::Flaky);
        let text = noticed(&sample(vec![failed, flaky]));
        assert_eq!(
            text,
            "::error file=tests/test_a.py,line=12,title=tests/test_a.py%3A%3Atest_b[x%2Cy] failed::50%25 off:%0A\
             tests/test_a.py:12: AssertionError\n\
             ::warning title=crate%3A%3Abin tests%3A%3Aflakes is flaky::assertion failed: left == right\n"
        );
    }

    #[test]
    fn a_failure_in_quarantine_is_a_warning() {
        let excused = v1::RunTest { is_quarantined: true, ..test(0, "t0", Verdict::Failed) };
        let errored = v1::RunTest { is_quarantined: true, ..test(1, "t1", Verdict::Errored) };
        assert_eq!(
            noticed(&sample(vec![excused, errored])),
            "::error title=t1 could not be run::the runner was ended by signal 9\n\
             ::warning title=t0 failed in quarantine::assertion failed: left == right\n"
        );
    }

    #[test]
    fn no_more_are_written_than_are_shown() {
        let tests: Vec<_> = (0..30).map(|number| test(number, &format!("t{number}"), Verdict::Failed)).collect();
        let text = noticed(&sample(tests));
        assert_eq!(text.lines().count(), ANNOTATIONS_MAX);
        assert!(text.lines().last().is_some_and(|line| line.starts_with("::error title=21 more::")), "{text}");
    }

    #[test]
    fn a_summary_is_added_to_what_is_there_and_keeps_its_limit() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("summary.md");
        std::fs::write(&path, "before\n")?;
        let report = sample(vec![test(0, "a", Verdict::Failed)]);
        let (details, origin) = (Details::default(), Origin::default());
        let told =
            Told { report: &report, details: &details, origin: &origin, exit: ExitCode::TestsFailed, has_junit: false };
        append(&path, told)?;
        assert!(std::fs::read_to_string(&path)?.starts_with("before\n### Muster: "));
        std::fs::write(&path, vec![b' '; SUMMARY_BYTES_MAX - 10])?;
        append(&path, told)?;
        assert!(std::fs::metadata(&path)?.len() <= SUMMARY_BYTES_MAX as u64);
        Ok(())
    }
}
