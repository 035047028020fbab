//! What is written about one test: a line, its message, and what it wrote.

use std::time::Duration;

use clap::builder::styling::Style;
use muster_proto::v1;

use super::style::{BOLD, DIM, RED, YELLOW, paint};
use crate::output::text::{duration, lines, one_line};

/// One line about a try, with its message below.
pub(super) fn try_block(job: &str, test: &str, a_try: &v1::TestTry, verdict: Option<v1::TestVerdict>) -> String {
    let (word, style) = word(a_try, verdict);
    let took = duration(Duration::from_micros(a_try.duration_us));
    let place = format!("try {} on {}", a_try.attempt, one_line(&a_try.agent));
    let mut text = format!("{} [{took:>8}] {}\n", paint(style, format!("{word:>11}")), title(job, test));
    let again = if verdict.is_none() { ", is run again" } else { "" };
    text.push_str(&format!("{INDENT}{}\n", paint(DIM, format!("{place}{again}"))));
    if a_try.outcome() != v1::TryOutcome::Passed {
        text.push_str(&message_block(&a_try.message));
    }
    text
}

/// Job and test as headings name them.
pub(super) fn title(job: &str, test: &str) -> String {
    format!("{}  {}", one_line(job), paint(BOLD, one_line(test)))
}

/// The short text that goes with a result.
pub(super) fn message_block(message: &str) -> String {
    let mut text = String::new();
    let all = lines(message.trim_end().as_bytes());
    for line in all.iter().take(MESSAGE_LINES_MAX) {
        text.push_str(&format!("{INDENT}{}\n", shortened(line)));
    }
    if all.len() > MESSAGE_LINES_MAX {
        text.push_str(&format!("{INDENT}{}\n", paint(DIM, format!("… {} more lines", all.len() - MESSAGE_LINES_MAX))));
    }
    text
}

/// What a test wrote: its beginning and its end.
pub(super) fn output_block(output: &[u8]) -> String {
    let all = lines(output);
    if all.iter().all(|line| line.trim().is_empty()) {
        return String::new();
    }
    let mut text = format!("{INDENT}{}\n", paint(DIM, "output:"));
    let left_out = all.len().saturating_sub(OUTPUT_LINES_MAX);
    let head = if left_out == 0 { all.len() } else { OUTPUT_LINES_MAX / 4 };
    for line in &all[..head] {
        text.push_str(&format!("{INDENT}  {}\n", shortened(line)));
    }
    if left_out > 0 {
        text.push_str(&format!("{INDENT}  {}\n", paint(DIM, format!("… {left_out} lines left out …"))));
        for line in &all[head + left_out..] {
            text.push_str(&format!("{INDENT}  {}\n", shortened(line)));
        }
    }
    text
}

fn word(a_try: &v1::TestTry, verdict: Option<v1::TestVerdict>) -> (String, Style) {
    match verdict {
        Some(v1::TestVerdict::Failed) => ("FAIL".to_owned(), RED),
        Some(v1::TestVerdict::Errored) => ("ERROR".to_owned(), RED),
        Some(v1::TestVerdict::Flaky) => ("FLAKY".to_owned(), YELLOW),
        Some(v1::TestVerdict::Passed) => ("PASS".to_owned(), BOLD),
        Some(v1::TestVerdict::Skipped) => ("SKIP".to_owned(), YELLOW),
        Some(v1::TestVerdict::Unspecified) | None => match a_try.outcome() {
            v1::TryOutcome::Errored => (format!("TRY {} ERROR", a_try.attempt), YELLOW),
            v1::TryOutcome::Failed => (format!("TRY {} FAIL", a_try.attempt), YELLOW),
            v1::TryOutcome::Passed | v1::TryOutcome::Skipped | v1::TryOutcome::Unspecified => {
                (format!("TRY {}", a_try.attempt), YELLOW)
            }
        },
    }
}

fn shortened(line: &str) -> std::borrow::Cow<'_, str> {
    console::truncate_str(line, LINE_COLUMNS_MAX, "…")
}

/// Below the word at the left.
pub(super) const INDENT: &str = "            ";
const MESSAGE_LINES_MAX: usize = 30;
const OUTPUT_LINES_MAX: usize = 120;
const LINE_COLUMNS_MAX: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::a_try;

    #[test]
    fn long_output_keeps_its_beginning_and_its_end() {
        let output: String = (1..=500).map(|line| format!("line {line}\n")).collect();
        let text = output_block(output.as_bytes());
        assert!(text.contains("line 1\n") && text.contains("line 500\n") && text.contains("… 380 lines left out …"));
        assert_eq!(text.lines().count(), 1 + OUTPUT_LINES_MAX + 1);
        assert_eq!(output_block(b"\n  \n"), "");
    }

    #[test]
    fn a_try_that_is_run_again_says_so() {
        let text = try_block("unit", "a b", &a_try(1, v1::TryOutcome::Failed), None);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @r"
         TRY 1 FAIL [   1.2 s] unit  a b
                    try 1 on agent-1, is run again
                    assertion failed: left == right
        ");
    }
}
