//! What the standard test harness prints, in its lists and while it runs.
//!
//! With one thread it prints `test <name> ... ` before the test runs and the verdict after it, so both moments are seen
//! live. Whatever else writes to the same output in between, such as a process that the test starts, is told apart by
//! the names that were asked for. Failures keep their output until the end, where the harness prints it.

use std::collections::{BTreeMap, HashSet};

use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;

use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::excerpt::Clip;
use crate::runner::failure::RunnerFailure;
use crate::runner::lines::Lines;
use crate::runner::progress::Verdict;
use crate::runner::rust_output;
use crate::runner::session::{Feed, Said};

/// A list in the harness's terse format.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) names: Vec<String>,
    /// Whether every line was of that format.
    pub(super) is_clean: bool,
}

/// Reads `--list --format terse`.
pub(super) fn listed_names(stdout: &[u8]) -> Listed {
    let text = String::from_utf8_lossy(stdout);
    let mut listed = Listed { is_clean: true, ..Listed::default() };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let name = line.strip_suffix(": test").or_else(|| line.strip_suffix(": benchmark"));
        match name.or_else(|| line.strip_suffix(": bench")) {
            Some(name) => listed.names.push(name.to_owned()),
            None => listed.is_clean = false,
        }
    }
    listed
}

/// Reads a run.
#[derive(Debug)]
pub(super) struct Harness {
    /// Target id, which comes before every name.
    target: String,
    asked: HashSet<String>,
    /// Names that may run without having been asked for; their verdicts are left out.
    also: HashSet<String>,
    /// Names that have their verdict. They do not begin again, whatever another test prints.
    done: HashSet<String>,
    lines: Lines,
    open: Option<Open>,
    failed: BTreeMap<String, Clip>,
    /// The failed test whose output is being read.
    section: Option<String>,
    is_after_tests: bool,
    counts: Counts,
}

/// A test that has begun.
#[derive(Debug)]
struct Open {
    name: String,
    /// The last thing that looked like its verdict, after other output.
    candidate: Option<TryOutcome>,
}

/// How many verdicts were seen, to be compared with what the harness says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Harness {
    /// For the tests `asked` of `target`; those of `also` may run beside them.
    pub(super) fn new(target: &str, asked: HashSet<String>, also: HashSet<String>) -> Self {
        Self {
            target: target.to_owned(),
            asked,
            also,
            done: HashSet::new(),
            lines: Lines::new(LINE_BYTES_MAX),
            open: None,
            failed: BTreeMap::new(),
            section: None,
            is_after_tests: false,
            counts: Counts::default(),
        }
    }

    fn line(&mut self, line: &str, said: &mut Vec<Said>) {
        if self.is_after_tests {
            self.after_tests(line, said);
            return;
        }
        if let Some((name, rest)) = self.beginning(line) {
            let rest = rest.to_owned();
            self.begin(name, said);
            match verdict(&rest) {
                Some(outcome) => self.conclude(outcome, said),
                None => self.consider(&rest),
            }
            return;
        }
        let is_end_of_tests = line == "failures:" || line.starts_with("test result: ");
        match &self.open {
            // Other output may say `failures:`; it is the harness's only once the test has something like a verdict.
            Some(open) if is_end_of_tests && (open.candidate.is_some() || line != "failures:") => {
                self.conclude_open(said);
                self.end_tests(line, said);
            }
            Some(_) => self.consider(line),
            None if is_end_of_tests => self.end_tests(line, said),
            None => {}
        }
    }

    fn begin(&mut self, name: String, said: &mut Vec<Said>) {
        if self.open.as_ref().is_some_and(|open| open.name == name) {
            return;
        }
        self.conclude_open(said);
        if self.asked.contains(&name) {
            said.push(Said::Started(self.full(&name)));
        }
        self.open = Some(Open { name, candidate: None });
    }

    /// Remembers what could be the open test's verdict.
    fn consider(&mut self, text: &str) {
        if let (Some(open), Some(outcome)) = (&mut self.open, ending_verdict(text)) {
            open.candidate = Some(outcome);
        }
    }

    /// Something of the harness's own has come after the open test: the last candidate was its verdict.
    fn conclude_open(&mut self, said: &mut Vec<Said>) {
        match self.open.as_ref().and_then(|open| open.candidate) {
            Some(outcome) => self.conclude(outcome, said),
            None => self.open = None,
        }
    }

    fn conclude(&mut self, outcome: TryOutcome, said: &mut Vec<Said>) {
        let Some(open) = self.open.take() else { return };
        self.done.insert(open.name.clone());
        match outcome {
            TryOutcome::Failed => {
                self.counts.failed += 1;
                self.failed.insert(open.name, Clip::default());
                return;
            }
            TryOutcome::Passed => self.counts.passed += 1,
            TryOutcome::Skipped | TryOutcome::Errored => self.counts.ignored += 1,
        }
        if self.asked.contains(&open.name) {
            said.push(Said::Finished(self.full(&open.name), Verdict::bare(outcome)));
        }
    }

    fn end_tests(&mut self, line: &str, said: &mut Vec<Said>) {
        self.is_after_tests = true;
        self.after_tests(line, said);
    }

    fn after_tests(&mut self, line: &str, said: &mut Vec<Said>) {
        if let Some(result) = line.strip_prefix("test result: ")
            && let Some(theirs) = Counts::parse(result)
        {
            self.section = None;
            // Doc tests come in several parts, each with a result of its own.
            self.is_after_tests = false;
            let ours = std::mem::take(&mut self.counts);
            if ours != theirs {
                said.push(Said::Trouble(disagreement(&self.target, ours, theirs)));
            }
            return;
        }
        let header = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" ----"));
        let name = header.and_then(|header| header.strip_suffix(" stdout").or(header.strip_suffix(" stderr")));
        if let Some(name) = name.filter(|name| self.failed.contains_key(*name)) {
            self.section = Some(name.to_owned());
        } else if line == "failures:" {
            self.section = None;
        } else if let Some(clip) = self.section.as_ref().and_then(|name| self.failed.get_mut(name)) {
            clip.push(line.as_bytes());
            clip.push(b"\n");
        }
    }

    /// `test <known name> ... rest`, where the name may be followed by what the harness says of it.
    fn beginning<'a>(&self, line: &'a str) -> Option<(String, &'a str)> {
        let line = line.strip_prefix("test ")?;
        line.match_indices(" ... ").find_map(|(index, separator)| {
            let name = &line[..index];
            let plain = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
            let known = [name, plain].into_iter().find(|name| self.may_begin(name))?;
            Some((known.to_owned(), &line[index + separator.len()..]))
        })
    }

    fn may_begin(&self, name: &str) -> bool {
        (self.asked.contains(name) || self.also.contains(name)) && !self.done.contains(name)
    }

    fn full(&self, name: &str) -> String {
        format!("{} {name}", self.target)
    }
}

impl Feed for Harness {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        let mut said = Vec::new();
        if chunk.stream == Stream::Stderr {
            return said;
        }
        for line in self.lines.push(&chunk.bytes) {
            let text = String::from_utf8_lossy(&line.bytes).into_owned();
            self.line(text.trim_end_matches('\r'), &mut said);
        }
        let partial = String::from_utf8_lossy(self.lines.partial()).into_owned();
        if !self.is_after_tests
            && let Some((name, _)) = self.beginning(&partial)
        {
            self.begin(name, &mut said);
        }
        said
    }

    fn end(&mut self, exit: Exit) -> Vec<Said> {
        let failed = std::mem::take(&mut self.failed);
        let asked = failed.into_iter().filter(|(name, _)| self.asked.contains(name));
        asked
            .map(|(name, clip)| {
                let output = clip.into_bytes();
                let message = match rust_output::summary(&String::from_utf8_lossy(&output)) {
                    none if none.is_empty() && !matches!(exit, Exit::Status(_)) => {
                        format!("the test failed; its output was lost because the runner {exit}")
                    }
                    none if none.is_empty() => "the test failed and wrote nothing".to_owned(),
                    summary => summary,
                };
                let verdict = Verdict { outcome: TryOutcome::Failed, duration: None, message, output };
                Said::Finished(format!("{} {name}", self.target), verdict)
            })
            .collect()
    }
}

impl Counts {
    /// From `ok. 1 passed; 2 failed; 3 ignored; 0 measured; 4 filtered out; finished in 0.00s`.
    fn parse(result: &str) -> Option<Self> {
        let number = |word: &str| {
            let before = &result[..result.find(&format!(" {word}"))?];
            before.rsplit(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
        };
        let passed: usize = number("passed")?;
        let measured: usize = number("measured")?;
        Some(Self { passed: passed + measured, failed: number("failed")?, ignored: number("ignored")? })
    }
}

/// The verdict that `text` is.
fn verdict(text: &str) -> Option<TryOutcome> {
    let is_word =
        |word: &str| text.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with([',', ' ', ':']));
    if is_word("FAILED") {
        Some(TryOutcome::Failed)
    } else if is_word("ignored") {
        Some(TryOutcome::Skipped)
    } else if text == "ok" || text.starts_with("ok <") || is_word("bench") {
        Some(TryOutcome::Passed)
    } else {
        None
    }
}

/// The verdict at the end of a line that begins with something else.
fn ending_verdict(text: &str) -> Option<TryOutcome> {
    verdict(text).or_else(|| {
        if text.ends_with("FAILED") {
            Some(TryOutcome::Failed)
        } else if text.ends_with("ok") {
            Some(TryOutcome::Passed)
        } else {
            None
        }
    })
}

fn disagreement(target: &str, ours: Counts, theirs: Counts) -> RunnerFailure {
    let message = format!(
        "the output of `{target}` cannot be trusted: it says {} passed, {} failed and {} ignored, but shows {}, {} and {}",
        theirs.passed, theirs.failed, theirs.ignored, ours.passed, ours.failed, ours.ignored
    );
    RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
}

const SUFFIXES: &[&str] = &[" - should panic", " - compile fail", " - compile"];
const LINE_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn read(asked: &[&str], text: &str) -> Vec<Said> {
        let mut harness = Harness::new("t", asked.iter().map(|name| (*name).to_owned()).collect(), HashSet::new());
        let chunk = Chunk { stream: Stream::Stdout, bytes: Bytes::copy_from_slice(text.as_bytes()) };
        let mut said = harness.output(&chunk);
        said.extend(harness.end(Exit::Status(101)));
        said
    }

    fn outcomes(said: &[Said]) -> Vec<(String, TryOutcome)> {
        let finished = said.iter().filter_map(|said| match said {
            Said::Finished(name, verdict) => Some((name.clone(), verdict.outcome)),
            Said::Started(_) | Said::PutOff(_) | Said::Outside { .. } | Said::Done | Said::Trouble(_) => None,
        });
        finished.collect()
    }

    #[test]
    fn a_recorded_run_is_understood() {
        let said = read(&["tests::adds", "tests::fails", "tests::ignored_why", "tests::panics"], RECORDED);
        assert_eq!(
            outcomes(&said),
            [
                ("t tests::adds".to_owned(), TryOutcome::Passed),
                ("t tests::ignored_why".to_owned(), TryOutcome::Skipped),
                ("t tests::panics".to_owned(), TryOutcome::Passed),
                ("t tests::fails".to_owned(), TryOutcome::Failed),
            ]
        );
        let Some(Said::Finished(_, failed)) = said.last() else { panic!("the failure comes last") };
        assert_eq!(failed.message, "left is not right\nsrc/lib.rs:22:46");
        assert!(failed.output.starts_with(b"before\n"));
    }

    #[test]
    fn other_output_between_name_and_verdict_does_not_decide() {
        let said = read(
            &["a", "b"],
            "test a ... noise\nok\nmore noiseFAILED\ntest b ... noiseok\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!(outcomes(&said), [("t b".to_owned(), TryOutcome::Passed), ("t a".to_owned(), TryOutcome::Failed),]);
    }

    #[test]
    fn a_test_that_brings_the_process_down_has_begun_and_has_no_verdict() {
        let said = read(&["a", "b"], "test a ... ok\ntest b ... some ok\n");
        assert_eq!(outcomes(&said), [("t a".to_owned(), TryOutcome::Passed)]);
        assert!(said.contains(&Said::Started("t b".to_owned())));
        assert_eq!(outcomes(&read(&["b"], "test b ... ")), []);
    }

    #[test]
    fn sums_that_disagree_are_trouble() {
        let said = read(
            &["a"],
            "test a ... ok\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert!(said.iter().any(|said| matches!(said, Said::Trouble(_))));
    }

    #[test]
    fn a_list_is_read_and_other_lines_are_noticed() {
        assert_eq!(listed_names(b"a::b: test\nc: benchmark\n").names, ["a::b", "c"]);
        assert!(!listed_names(b"hello\n").is_clean);
    }

    const RECORDED: &str = "
running 4 tests
test tests::adds ... ok
test tests::fails ... FAILED
test tests::ignored_why ... ignored, because
test tests::panics - should panic ... ok

failures:

---- tests::fails stdout ----
before

thread 'tests::fails' (13339) panicked at src/lib.rs:22:46:
left is not right
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    tests::fails

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 1 filtered out; finished in 2.00s
";
}
