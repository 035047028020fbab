//! A report as Markdown, for the pages of CI systems: GitHub's step summaries and Buildkite's annotations.

use std::time::Duration;

use muster_proto::v1;

use super::human::outcome_word;
use super::reporter::Details;
use super::text::{duration, first_line, lines, one_line};
use crate::report::{Report, is_excused};

/// The page, of at most `bytes_max` bytes: what does not fit is counted.
pub(crate) fn markdown(report: &Report, details: &Details, bytes_max: usize) -> String {
    let mut page = Page { text: String::new(), room: bytes_max.saturating_sub(RESERVE) };
    page.text.push_str(&head(report));
    let of = |verdict| report.tests.iter().filter(move |test| test.verdict() == verdict);
    let failed = of(v1::TestVerdict::Failed).filter(|test| !is_excused(test));
    page.list("Failed", failed.map(|test| bad_test(report, test, details)));
    page.list("Errored", of(v1::TestVerdict::Errored).map(|test| bad_test(report, test, details)));
    page.list("Jobs that did not pass", report.jobs().filter(|job| is_told(job)).map(bad_job));
    page.list("Flaky", of(v1::TestVerdict::Flaky).map(|test| flaky_test(report, test)));
    let excused = report.tests.iter().filter(|test| is_excused(test));
    page.list("Quarantined", excused.map(|test| excused_test(report, test)));
    if let Err(disagreement) = report.accounting() {
        page.text.push_str(&format!("\n**The report does not add up:** {}\n", code(&disagreement.to_string())));
    }
    page.text
}

struct Page {
    text: String,
    room: usize,
}

impl Page {
    fn list(&mut self, heading: &str, parts: impl Iterator<Item = String>) {
        let mut left_out = 0_u64;
        let mut is_first = true;
        for part in parts {
            if self.text.len() + part.len() + heading.len() > self.room {
                left_out += 1;
                continue;
            }
            if std::mem::take(&mut is_first) {
                self.text.push_str(&format!("\n#### {heading}\n\n"));
            }
            self.text.push_str(&part);
        }
        if left_out > 0 {
            self.text.push_str(&format!("\n{heading}: {left_out} more are left out here\n"));
        }
    }
}

fn head(report: &Report) -> String {
    let tally = report.tally();
    let mut text = format!(
        "### Muster: {} {} in {}\n\n",
        code(&report.run.name),
        outcome_word(report.outcome()),
        duration(report.elapsed())
    );
    if let Some(reason) = &report.run.reason {
        text.push_str(&format!("{}\n\n", code(&first_line(&reason.message))));
    }
    text.push_str(
        "| tests | passed | failed | failed in quarantine | flaky | skipped | errored | without a verdict |\n",
    );
    text.push_str("|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    text.push_str(&format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
        tally.sum(),
        tally.passed,
        tally.failed - tally.quarantined,
        tally.quarantined,
        tally.flaky,
        tally.skipped,
        tally.errored,
        tally.open
    ));
    text
}

fn bad_test(report: &Report, test: &v1::RunTest, details: &Details) -> String {
    let mut text = format!(
        "<details><summary><code>{}</code> in {}, {}</summary>\n\n",
        html(&test.name),
        html(report.job_name(test.job)),
        tries(test.tries.len())
    );
    for a_try in &test.tries {
        let took = duration(Duration::from_micros(a_try.duration_us));
        text.push_str(&format!("try {} on {} after {took}\n\n", a_try.attempt, code(&a_try.agent)));
        let mut said = lines(a_try.message.as_bytes());
        if let Some(output) = details.outputs.get(&(test.job, test.test, a_try.attempt)) {
            said.push(String::new());
            said.extend(lines(output));
        }
        text.push_str(&fenced(&ends(said)));
    }
    text.push_str("</details>\n");
    text
}

fn tries(count: usize) -> String {
    if count == 1 { "1 try".to_owned() } else { format!("{count} tries") }
}

fn flaky_test(report: &Report, test: &v1::RunTest) -> String {
    weak_test(report, test, &format!("passed at try {}", test.tries.len()))
}

fn excused_test(report: &Report, test: &v1::RunTest) -> String {
    weak_test(report, test, &format!("failed after {}, which does not count", tries(test.tries.len())))
}

fn weak_test(report: &Report, test: &v1::RunTest, what: &str) -> String {
    let failed = test.tries.iter().find(|a_try| a_try.outcome() != v1::TryOutcome::Passed);
    let why = failed.map(|a_try| first_line(&a_try.message)).filter(|why| !why.is_empty());
    let why = why.map(|why| format!(": {}", code(&why))).unwrap_or_default();
    format!("- {} in {}, {what}{why}\n", code(&test.name), code(report.job_name(test.job)))
}

fn is_told(job: &v1::Job) -> bool {
    let is_bad = matches!(job.outcome(), v1::Outcome::Failed | v1::Outcome::Errored | v1::Outcome::TimedOut);
    is_bad && job.reason.as_ref().is_none_or(|reason| reason.code != "tests_failed")
}

fn bad_job(job: &v1::Job) -> String {
    let reason = job.reason.as_ref().map(|reason| first_line(&reason.message)).filter(|reason| !reason.is_empty());
    let reason = reason.map(|reason| format!(": {}", code(&reason))).unwrap_or_default();
    let may_fail = if job.may_fail { " (it may)" } else { "" };
    format!("- {} {}{may_fail}{reason}\n", code(&job.name), outcome_word(job.outcome()))
}

/// The first and the last lines.
fn ends(mut said: Vec<String>) -> Vec<String> {
    let left_out = said.len().saturating_sub(LINES_MAX);
    if left_out > 0 {
        said.splice(LINES_MAX / 2..LINES_MAX / 2 + left_out, [format!("… {left_out} lines left out …")]);
    }
    said
}

/// A code span that no content can leave, also in a table.
fn code(text: &str) -> String {
    let text = one_line(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    // A space keeps backticks at the ends apart from the fence, and readers take it away again.
    if fence.len() > 1 { format!("{fence} {text} {fence}") } else { format!("`{text}`") }
}

/// A block that no content can leave.
fn fenced(lines: &[String]) -> String {
    if lines.iter().all(|line| line.trim().is_empty()) {
        return String::new();
    }
    let text = lines.join("\n");
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

fn html(text: &str) -> String {
    let mut safe = String::new();
    for character in one_line(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // What Markdown would read as more than a letter.
            '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '@' | ':' | '!' | '#' | '|' | '"' => {
                safe.push_str(&format!("&#{};", u32::from(character)));
            }
            _ => safe.push(character),
        }
    }
    safe
}

/// Room for the lines that count what is left out.
const RESERVE: usize = 4 << 10;
const LINES_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{report, test, tests_job};
    use v1::TestVerdict as Verdict;

    #[test]
    fn a_page_tells_what_did_not_pass() {
        let tests = vec![
            test(0, "tests::passes", Verdict::Passed),
            test(1, "tests::<b>fails</b> `|`", Verdict::Failed),
            test(2, "tests::flakes", Verdict::Flaky),
        ];
        let mut details = Details::default();
        details.outputs.insert((0, 1, 1), "one\n```\n</details>".into());
        let mut tested = tests_job(0, &tests);
        tested.set_outcome(v1::Outcome::Failed);
        let report = report(v1::Outcome::Failed, vec![tested], tests);
        insta::assert_snapshot!(markdown(&report, &details, 1 << 20));
    }

    #[test]
    fn a_failure_in_quarantine_is_not_among_the_failures() {
        let excused = v1::RunTest { is_quarantined: true, ..test(0, "tests::excused", Verdict::Failed) };
        let tests = vec![excused, test(1, "tests::passes", Verdict::Passed)];
        let report = report(v1::Outcome::Passed, vec![tests_job(0, &tests)], tests);
        let page = markdown(&report, &Details::default(), 1 << 20);
        assert!(page.contains("\n| 2 | 1 | 0 | 1 | 0 | 0 | 0 | 0 |\n") && !page.contains("#### Failed"), "{page}");
        let line = "- `tests::excused` in `unit`, failed after 2 tries, which does not count: `assertion failed";
        assert!(page.contains(&format!("#### Quarantined\n\n{line}")), "{page}");
    }

    #[test]
    fn a_page_never_grows_over_its_limit() {
        let tests: Vec<_> = (0..5_000).map(|number| test(number, &format!("t{number}"), Verdict::Failed)).collect();
        let report = report(v1::Outcome::Failed, vec![tests_job(0, &tests)], tests);
        let page = markdown(&report, &Details::default(), 64 << 10);
        assert!(page.len() <= 64 << 10, "{}", page.len());
        assert!(page.contains(" more are left out here"));
    }
}
