//! What a test program prints with `-test.v`.
//!
//! `=== RUN   TestX`, then what the test writes, then `--- PASS: TestX (0.01s)`. Since Go 1.20 the program can be asked to
//! put a mark before each of its own lines, so that a test which does not end its last line hides nothing. Lines of subtests
//! are output of their test.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use muster_common::outcome::TryOutcome;

use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::excerpt::Clip;
use crate::runner::lines::Lines;
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// Names in the answer to `-test.list`, which may have more in it.
pub(super) fn listed_names(stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    let mut seen = HashSet::new();
    let is_test = |line: &&str| ["Test", "Example", "Fuzz"].iter().any(|kind| line.starts_with(kind));
    let is_name = |line: &&str| line.chars().all(|character| character == '_' || character.is_alphanumeric());
    text.lines().filter(is_test).filter(is_name).filter(|line| seen.insert(*line)).map(str::to_owned).collect()
}

/// Reads a run of one package's tests.
#[derive(Debug)]
pub(super) struct Output {
    package: String,
    asked: HashSet<String>,
    lines: Lines,
    /// The test that writes now.
    current: Option<String>,
    written: BTreeMap<String, Clip>,
    has_failed: bool,
}

impl Output {
    pub(super) fn new(package: &str, asked: HashSet<String>) -> Self {
        let lines = Lines::new(LINE_BYTES_MAX);
        Self { package: package.to_owned(), asked, lines, current: None, written: BTreeMap::new(), has_failed: false }
    }

    fn line(&mut self, line: &str, said: &mut Vec<Said>) {
        if let Some((place, name, outcome, seconds)) = self.verdict(line) {
            self.write(&name, &line[..place]);
            self.has_failed |= outcome == TryOutcome::Failed;
            let output = self.written.remove(&name).unwrap_or_default().into_bytes();
            let message = match outcome {
                TryOutcome::Passed => String::new(),
                TryOutcome::Failed | TryOutcome::Skipped | TryOutcome::Errored => {
                    summary(&String::from_utf8_lossy(&output))
                }
            };
            let verdict = Verdict { outcome, duration: Duration::try_from_secs_f64(seconds).ok(), message, output };
            said.push(Said::Finished(format!("{} {name}", self.package), verdict));
            return;
        }
        if let Some((word, name)) = mark(line) {
            let top = name.split('/').next().unwrap_or(name).to_owned();
            if word == "RUN" && top == name && self.asked.contains(&top) {
                said.push(Said::Started(format!("{} {top}", self.package)));
            }
            self.current = Some(top);
            return;
        }
        if let Some(current) = self.current.clone() {
            self.write(&current, line);
            self.write(&current, "\n");
        }
    }

    fn write(&mut self, name: &str, text: &str) {
        if self.asked.contains(name) {
            self.written.entry(name.to_owned()).or_default().push(text.as_bytes());
        }
    }

    /// `--- PASS: TestX (0.01s)` at the end of a line, of a test that was asked for: where it begins, and what it says.
    fn verdict(&self, line: &str) -> Option<(usize, String, TryOutcome, f64)> {
        let line_start = line.len() - line.trim_start().len();
        for (word, outcome) in
            [("PASS", TryOutcome::Passed), ("FAIL", TryOutcome::Failed), ("SKIP", TryOutcome::Skipped)]
        {
            let wanted = format!("--- {word}: ");
            let Some(place) = line.rfind(&wanted) else { continue };
            // Indented, it is of a subtest.
            let is_indented = place == line_start && place > 0;
            let (name, time) = line[place + wanted.len()..].split_once(" (")?;
            let seconds: f64 = time.trim_end().strip_suffix("s)")?.parse().ok()?;
            if !is_indented && self.asked.contains(name) {
                let place = if line[..place].ends_with(MARK) { place - 1 } else { place };
                return Some((place, name.to_owned(), outcome, seconds));
            }
        }
        None
    }
}

/// `=== RUN   TestX`: its word and name.
fn mark(line: &str) -> Option<(&str, &str)> {
    let place = line.find("=== ").filter(|place| *place == 0 || line[..*place].ends_with(MARK))?;
    let (word, name) = line[place + 4..].split_once(' ')?;
    ["RUN", "PAUSE", "CONT", "NAME"].contains(&word).then(|| (word, name.trim()))
}

/// The first line that the test or one of its subtests logged: `x_test.go:3: said`, or a panic.
fn summary(output: &str) -> String {
    let is_own = |line: &&str| !line.is_empty() && !line.starts_with("--- ");
    let lines = || output.lines().map(str::trim).filter(is_own);
    let is_logged =
        |line: &&str| line.split_once(".go:").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    lines().find(is_logged).or_else(|| lines().next()).unwrap_or("").to_owned()
}

impl Feed for Output {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        let mut said = Vec::new();
        for line in self.lines.push(&chunk.bytes) {
            self.line(&String::from_utf8_lossy(&line.bytes), &mut said);
        }
        said
    }

    fn end(&mut self, exit: Exit) -> Vec<Said> {
        let mut said = Vec::new();
        let rest = String::from_utf8_lossy(self.lines.partial()).into_owned();
        if !rest.is_empty() {
            self.line(&rest, &mut said);
        }
        // As of a `TestMain` that finds something wrong after the last test.
        if exit == Exit::Status(1) && !self.has_failed {
            let message = format!("the test program {exit} although no test failed");
            said.push(Said::Outside { message, output: Vec::new() });
        }
        said
    }
}

/// What the program puts before its own lines when it is asked to.
const MARK: char = '\u{16}';
const LINE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn read(text: &str, asked: &[&str]) -> Vec<Said> {
        let mut output = Output::new("m/a", asked.iter().map(|name| (*name).to_owned()).collect());
        let mut said = output.output(&Chunk { stream: Stream::Stdout, bytes: Bytes::copy_from_slice(text.as_bytes()) });
        said.extend(output.end(Exit::Status(1)));
        said
    }

    fn finished(said: &[Said]) -> Vec<(String, TryOutcome, String)> {
        let finished = said.iter().filter_map(|said| match said {
            Said::Finished(name, verdict) => Some((name.clone(), verdict.outcome, verdict.message.clone())),
            Said::Started(_) | Said::PutOff(_) | Said::Outside { .. } | Said::Done | Said::Trouble(_) => None,
        });
        finished.collect()
    }

    #[test]
    fn recorded_output_of_both_kinds_is_understood() {
        let asked = ["TestAdds", "TestTable", "TestLater", "TestQuiet"];
        for text in [RECORDED.to_owned(), RECORDED.replace("--- ", "\u{16}--- ").replace("=== ", "\u{16}=== ")] {
            let said = read(&text, &asked);
            let of = |name: &str| format!("m/a {name}");
            assert_eq!(
                finished(&said),
                [
                    (of("TestAdds"), TryOutcome::Passed, String::new()),
                    (of("TestTable"), TryOutcome::Failed, "a_test.go:15: no two".to_owned()),
                    (of("TestLater"), TryOutcome::Skipped, "a_test.go:20: because".to_owned()),
                    (of("TestQuiet"), TryOutcome::Passed, String::new()),
                ]
            );
            assert_eq!(said[0], Said::Started(of("TestAdds")));
        }
    }

    #[test]
    fn a_list_has_tests_examples_and_fuzz_targets() {
        let names = listed_names(b"from TestMain\nTestA\nTestA\nBenchmarkB\nExampleC_d\nFuzzE\nTestNot this\nok\n");
        assert_eq!(names, ["TestA", "ExampleC_d", "FuzzE"]);
    }

    const RECORDED: &str = "=== RUN   TestAdds
printed
--- PASS: TestAdds (0.01s)
=== RUN   TestTable
=== RUN   TestTable/two
    a_test.go:15: no two
--- FAIL: TestTable (0.00s)
    --- FAIL: TestTable/two (0.00s)
=== RUN   TestLater
    a_test.go:20: because
--- SKIP: TestLater (0.00s)
=== RUN   TestQuiet
no line end--- PASS: TestQuiet (0.00s)
FAIL
";
}
