//! An answer for people.

use std::time::Duration;

use super::answer::{Answer, TestJson};
use crate::output::text::{duration, first_line, one_line};

/// The whole answer.
pub(crate) fn told(answer: &Answer) -> String {
    let mut text = format!("{}\n", one_line(&answer.answer));
    if let Some(reason) = &answer.reason {
        let meaning = reason.meaning.unwrap_or("a newer coordinator knows what this means");
        text.push_str(&format!("  {}: {meaning}\n", one_line(&reason.code)));
        if let Some(advice) = reason.advice {
            text.push_str(&format!("  what to do: {advice}\n"));
        }
    }
    for job in &answer.jobs {
        text.push_str(&format!("  job {} {}\n", one_line(&job.name), one_line(&job.why)));
    }
    for test in &answer.tests {
        text.push_str(&test_text(test));
    }
    if answer.tests_left_out > 0 {
        text.push_str(&format!(
            "\n… and {} more tests; --json or `muster report` has them all\n",
            answer.tests_left_out
        ));
    }
    if !answer.next.is_empty() {
        text.push_str("\nnext:\n");
        for command in &answer.next {
            text.push_str(&format!("  {command}\n"));
        }
    }
    text
}

fn test_text(test: &TestJson) -> String {
    let verdict = test.verdict.unwrap_or("without a verdict");
    let mut text = format!("\n{}  {} {verdict}\n", one_line(&test.job_name), one_line(&test.test));
    for a_try in &test.tries {
        let took = duration(Duration::from_micros(a_try.duration_us));
        let agent = one_line(&a_try.agent);
        text.push_str(&format!("  try {} {} on {agent} after {took}", a_try.attempt, a_try.outcome));
        let said = first_line(&a_try.message);
        text.push_str(&if said.is_empty() { "\n".to_owned() } else { format!(": {said}\n") });
        for line in &a_try.tail {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}
