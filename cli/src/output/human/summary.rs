//! The end of what people read: what did not pass, and the sum of it all.

use std::time::Duration;

use muster_common::error_code::ReasonCode;
use muster_proto::v1;

use super::block::{INDENT, message_block, output_block, title, try_block};
use super::style::{BOLD, DIM, GREEN, RED, YELLOW, paint, painted_outcome};
use crate::exit_code::ExitCode;
use crate::output::reporter::{Details, LogTail};
use crate::output::text::{counted, duration, first_line, one_line};
use crate::report::{Report, is_excused};

/// The whole end. `more` is what has to be added to a command for it to find this run's coordinator.
pub(crate) fn summary(report: &Report, details: &Details, exit: ExitCode, more: &str) -> String {
    let mut text = String::new();
    text.push_str(&flaky(report));
    text.push_str(&bad_tests(report, details, v1::TestVerdict::Errored, "errored"));
    text.push_str(&bad_tests(report, details, v1::TestVerdict::Failed, "failed"));
    text.push_str(&excused(report));
    text.push_str(&alarms(report));
    text.push_str(&bad_jobs(report, details, more));
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&sum_line(report));
    if let Err(disagreement) = report.accounting()
        && exit == ExitCode::Infrastructure
    {
        text.push_str(&paint(RED, format!("the report does not add up: {disagreement}; this is no proof of anything")));
        text.push('\n');
    }
    text
}

/// `N tests: a passed, b failed, c flaky, d skipped, e errored, f without a verdict (sum), in T; run 12, passed`.
fn sum_line(report: &Report) -> String {
    let tally = report.tally();
    let discovered: u32 = report.jobs().map(|job| job.tests.map_or(0, |tests| tests.discovered)).sum();
    let part = |count: u32, word: &str, style| {
        let part = format!("{count} {word}");
        if count == 0 { part } else { paint(style, part) }
    };
    let mut parts = vec![
        part(tally.passed, "passed", GREEN),
        part(tally.failed, "failed", RED),
        part(tally.flaky, "flaky", YELLOW),
        part(tally.skipped, "skipped", YELLOW),
        part(tally.errored, "errored", RED),
    ];
    if tally.open > 0 {
        parts.push(part(tally.open, "without a verdict", RED));
    }
    let has_test_job = report.jobs().any(|job| job.kind() == v1::JobKind::Tests);
    let tests = if !has_test_job && tally.sum() == 0 {
        jobs(report)
    } else {
        format!("{}: {} (sum {})", counted(discovered, "test"), parts.join(", "), tally.sum())
    };
    let reason = match &report.run.reason {
        Some(reason) if !is_told(report) && !reason.message.is_empty() => format!(": {}", first_line(&reason.message)),
        Some(_) | None => String::new(),
    };
    format!(
        "{tests}, in {}; run {}, {}{reason}\n",
        duration(report.elapsed()),
        report.run.run,
        painted_outcome(report.outcome())
    )
}

/// Whether tests or jobs above the sum say why the run did not pass.
fn is_told(report: &Report) -> bool {
    let is_told = |test: &v1::RunTest| {
        matches!(test.verdict(), v1::TestVerdict::Failed | v1::TestVerdict::Errored) && !is_excused(test)
    };
    report.tests.iter().any(is_told) || report.jobs().any(is_bad)
}

/// `9 jobs`, or `8 of 9 jobs run` where some were left out.
fn jobs(report: &Report) -> String {
    let run = report.jobs().filter(|job| job.started_unix_ms.is_some()).count();
    let all = report.jobs().count();
    let jobs = counted(all as u64, "job");
    if run == all { jobs } else { format!("{run} of {jobs} run") }
}

fn flaky(report: &Report) -> String {
    let tests = of_verdict(report, v1::TestVerdict::Flaky);
    let mut text = heading(tests.len(), "flaky test", "failed and passed on the same files");
    for test in tests.iter().take(TESTS_SHOWN_MAX) {
        let name = title(report.job_name(test.job), &test.name);
        text.push_str(&format!("{} {name}\n", paint(YELLOW, format!("{:>11}", "FLAKY"))));
        for a_try in &test.tries {
            text.push_str(&try_line(a_try));
        }
    }
    text.push_str(&left_out(tests.len(), TESTS_SHOWN_MAX));
    text
}

fn try_line(a_try: &v1::TestTry) -> String {
    let word = match a_try.outcome() {
        v1::TryOutcome::Passed => paint(GREEN, "passed"),
        v1::TryOutcome::Failed => paint(RED, "failed"),
        v1::TryOutcome::Errored => paint(RED, "errored"),
        v1::TryOutcome::Skipped => "skipped".to_owned(),
        v1::TryOutcome::Unspecified => "unknown".to_owned(),
    };
    let took = duration(Duration::from_micros(a_try.duration_us));
    let mut text = format!("{INDENT}try {} {word} on {} after {took}\n", a_try.attempt, one_line(&a_try.agent));
    if matches!(a_try.outcome(), v1::TryOutcome::Failed | v1::TryOutcome::Errored) {
        text.push_str(&message_block(&a_try.message));
    }
    text
}

fn bad_tests(report: &Report, details: &Details, verdict: v1::TestVerdict, word: &str) -> String {
    let mut tests = of_verdict(report, verdict);
    tests.retain(|test| !is_excused(test));
    let mut text = heading(tests.len(), &format!("{word} test"), "");
    for (place, test) in tests.iter().take(TESTS_SHOWN_MAX).enumerate() {
        let job = report.job_name(test.job);
        let Some(last) = test.tries.last() else {
            text.push_str(&format!("{} {}\n", paint(RED, format!("{word:>11}")), title(job, &test.name)));
            continue;
        };
        text.push_str(&try_block(job, &test.name, last, Some(verdict)));
        let output = details.outputs.get(&(test.job, test.test, last.attempt));
        if let Some(output) = output.filter(|_| place < OUTPUTS_SHOWN_MAX) {
            text.push_str(&output_block(output));
        }
    }
    text.push_str(&left_out(tests.len(), TESTS_SHOWN_MAX));
    text
}

/// Failed tests in quarantine: they are told, and count for nothing.
fn excused(report: &Report) -> String {
    let tests: Vec<&v1::RunTest> = report.tests.iter().filter(|test| is_excused(test)).collect();
    let mut text = heading(tests.len(), "quarantined test", "failed, which does not count");
    for test in tests.iter().take(TESTS_SHOWN_MAX) {
        let name = title(report.job_name(test.job), &test.name);
        text.push_str(&format!("{} {name}\n", paint(YELLOW, format!("{:>11}", "QUARANTINED"))));
        text.push_str(&test.tries.last().map(try_line).unwrap_or_default());
    }
    text.push_str(&left_out(tests.len(), TESTS_SHOWN_MAX));
    text
}

/// Tests whose first tries fail more often than they did, although retries pass.
fn alarms(report: &Report) -> String {
    let alarms: Vec<&String> = report.jobs().flat_map(|job| &job.alarms).collect();
    let mut text = heading(alarms.len(), "alarm", "as first tries fail more often than they did");
    for alarm in alarms.iter().take(TESTS_SHOWN_MAX) {
        text.push_str(&format!("{} {}\n", paint(YELLOW, format!("{:>11}", "ALARM")), one_line(alarm)));
    }
    text.push_str(&left_out(alarms.len(), TESTS_SHOWN_MAX));
    text
}

fn bad_jobs(report: &Report, details: &Details, more: &str) -> String {
    let jobs: Vec<&v1::Job> = report.jobs().filter(|job| is_bad(job)).collect();
    let mut text = heading(jobs.len(), "job", "did not pass");
    for job in jobs.iter().take(JOBS_SHOWN_MAX) {
        text.push_str(&bad_job(report.run.run, job, details.log_tails.get(&job.job), more));
    }
    text.push_str(&left_out(jobs.len(), JOBS_SHOWN_MAX));
    text
}

/// Whether there is more to say about a job than its tests do.
fn is_bad(job: &v1::Job) -> bool {
    let reason = job.reason.as_ref().map(|reason| ReasonCode::from_word(&reason.code));
    !matches!(job.outcome(), v1::Outcome::Passed | v1::Outcome::Unspecified) && reason != Some(ReasonCode::TestsFailed)
}

fn bad_job(run: u64, job: &v1::Job, tail: Option<&LogTail>, more: &str) -> String {
    let name = one_line(&job.name);
    let reason = job.reason.as_ref().map_or("", |reason| reason.message.as_str());
    let separator = if reason.is_empty() { "" } else { ": " };
    let may_fail = if job.may_fail { " (it may)" } else { "" };
    let outcome = painted_outcome(job.outcome());
    let mut text = format!("{INDENT}{} {outcome}{may_fail}{separator}{}\n", paint(BOLD, &name), first_line(reason));
    let Some(tail) = tail.filter(|tail| tail.lines.iter().any(|line| !line.trim().is_empty())) else {
        if let Some((_, rest)) = reason.trim_end().split_once('\n') {
            text.push_str(&message_block(rest));
        }
        return text;
    };
    if tail.lines_before > 0 {
        let before = counted(tail.lines_before, "line");
        text.push_str(&format!("{INDENT}  {}\n", paint(DIM, format!("… {before} before …"))));
    }
    for line in &tail.lines {
        text.push_str(&format!("{INDENT}  {line}\n"));
    }
    let command = format!("muster logs {run} --job {}{more}", quoted(&name));
    text.push_str(&format!("{INDENT}  {}\n", paint(DIM, format!("all of it: {command}"))));
    text
}

fn of_verdict(report: &Report, verdict: v1::TestVerdict) -> Vec<&v1::RunTest> {
    report.tests.iter().filter(|test| test.verdict() == verdict).collect()
}

fn heading(count: usize, noun: &str, what: &str) -> String {
    if count == 0 {
        return String::new();
    }
    let separator = if what.is_empty() { "" } else { " " };
    format!("\n{}\n", paint(BOLD, format!("{}{separator}{what}:", counted(count as u64, noun))))
}

fn left_out(count: usize, shown: usize) -> String {
    match count.saturating_sub(shown) {
        0 => String::new(),
        more => format!("{INDENT}… and {more} more; --junit FILE or --json has them all\n"),
    }
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':');
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

const TESTS_SHOWN_MAX: usize = 200;
const OUTPUTS_SHOWN_MAX: usize = 50;
const JOBS_SHOWN_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{job, report, test, tests_job};
    use v1::TestVerdict as Verdict;

    fn shown(report: &Report, details: &Details) -> String {
        let text = summary(report, details, ExitCode::of(report), " --coordinator http://127.0.0.1:7000");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_green_run_is_one_line_and_its_flaky_tests() {
        let tests = vec![
            test(0, "tests::adds", Verdict::Passed),
            test(1, "tests::takes [a\u{7}b]", Verdict::Flaky),
            test(2, "tests::shows", Verdict::Skipped),
        ];
        insta::assert_snapshot!(shown(
            &report(v1::Outcome::Passed, vec![tests_job(0, &tests)], tests),
            &Details::default()
        ));
    }

    #[test]
    fn a_red_run_shows_failures_errors_and_the_ends_of_logs() {
        let tests = vec![
            test(0, "tests::adds", Verdict::Passed),
            test(1, "tests::breaks", Verdict::Failed),
            test(2, "tests::kills", Verdict::Errored),
            test(3, "tests::late", Verdict::Unspecified),
        ];
        let mut tested = tests_job(0, &tests);
        tested.set_outcome(v1::Outcome::Failed);
        tested.reason = Some(v1::Reason { code: "tests_failed".to_owned(), message: "1 test failed".to_owned() });
        let mut lint = job(1, "lint (3.12, it's)", v1::JobKind::Steps);
        lint.set_outcome(v1::Outcome::Failed);
        lint.reason =
            Some(v1::Reason { code: "exit_status".to_owned(), message: "step `run` ended with status 2".to_owned() });
        let mut details = Details::default();
        details.outputs.insert((0, 1, 2), "hello\n\u{1b}[31mred\u{1b}[0m".into());
        let tail = LogTail { lines: vec!["checking".to_owned(), "bad line".to_owned()], lines_before: 7 };
        details.log_tails.insert(1, tail);
        insta::assert_snapshot!(shown(&report(v1::Outcome::Failed, vec![tested, lint], tests), &details));
    }

    #[test]
    fn a_run_of_jobs_without_tests_counts_those_that_were_left_out() {
        let mut skipped = job(1, "deploy", v1::JobKind::Steps);
        skipped.set_outcome(v1::Outcome::Skipped);
        skipped.started_unix_ms = None;
        let jobs = vec![job(0, "lint", v1::JobKind::Steps), skipped];
        let all = shown(&report(v1::Outcome::Passed, jobs, Vec::new()), &Details::default());
        assert!(all.contains("1 of 2 jobs run, in "), "{all}");
    }

    #[test]
    fn a_report_that_does_not_add_up_says_so() {
        let tests = vec![test(0, "a", Verdict::Passed)];
        let mut lie = tests_job(0, &tests);
        lie.tests.as_mut().expect("a sample has counts").discovered = 3;
        insta::assert_snapshot!(shown(&report(v1::Outcome::Passed, vec![lie], tests), &Details::default()));
    }
}
