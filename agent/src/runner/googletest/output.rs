//! What an executable prints: its list, and its tests as they run.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use muster_common::outcome::TryOutcome;

use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::excerpt::Clip;
use crate::runner::lines::Lines;
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// Names in the answer to `--gtest_list_tests`: `Suite.`, then its tests, indented by two.
pub(super) fn listed_names(stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    let mut suite = "";
    let mut names = Vec::new();
    for line in text.lines() {
        let bare = line.split("  #").next().unwrap_or(line).trim_end();
        match bare.strip_prefix("  ") {
            Some(test) if !suite.is_empty() && !test.contains(' ') => names.push(format!("{suite}{test}")),
            Some(_) => {}
            None if bare.ends_with('.') && !bare.contains(' ') => suite = bare,
            // What a `main` of their own prints.
            None => suite = "",
        }
    }
    names
}

/// Whether the executable leaves it out by itself.
pub(super) fn is_disabled(name: &str) -> bool {
    name.split(['.', '/']).any(|part| part.starts_with("DISABLED_"))
}

/// Reads a run of some of an executable's tests.
#[derive(Debug)]
pub(super) struct Output {
    /// Names as people know them, by those of the executable.
    names: BTreeMap<String, String>,
    /// Tests that the executable leaves out.
    disabled: HashSet<String>,
    lines: Lines,
    written: Option<Clip>,
    has_failed: bool,
}

impl Output {
    pub(super) fn new(names: BTreeMap<String, String>, disabled: HashSet<String>) -> Self {
        Self { names, disabled, lines: Lines::new(LINE_BYTES_MAX), written: None, has_failed: false }
    }

    fn line(&mut self, line: &str) -> Option<Said> {
        if let Some(name) = line.strip_prefix("[ RUN      ] ") {
            self.written = Some(Clip::default());
            return self.names.get(name).cloned().map(Said::Started);
        }
        for (mark, outcome) in MARKS {
            let Some(place) = line.rfind(mark) else { continue };
            // At the end a list of failed tests follows; only a verdict has a time.
            let Some((name, time)) = line[place + mark.len()..].rsplit_once(" (") else { continue };
            let Some(time) = time.strip_suffix(" ms)").and_then(|time| time.parse().ok()) else { continue };
            let name = name.split(", where ").next().unwrap_or(name);
            self.write(&line[..place]);
            let output = self.written.take().unwrap_or_default().into_bytes();
            self.has_failed |= outcome == TryOutcome::Failed;
            let message = match outcome {
                TryOutcome::Passed => String::new(),
                TryOutcome::Failed | TryOutcome::Skipped | TryOutcome::Errored => {
                    summary(&String::from_utf8_lossy(&output))
                }
            };
            let verdict = Verdict { outcome, duration: Some(Duration::from_millis(time)), message, output };
            return self.names.get(name).map(|name| Said::Finished(name.clone(), verdict));
        }
        self.write(line);
        self.write("\n");
        None
    }

    fn write(&mut self, text: &str) {
        if let Some(written) = &mut self.written {
            written.push(text.as_bytes());
        }
    }
}

/// The first failure and what it says: `x.cc:4: Failure`, then up to a blank line.
fn summary(output: &str) -> String {
    let is_place =
        |line: &&str| line.ends_with(": Failure") || line.ends_with(": Skipped") || line.ends_with(": error");
    let lines: Vec<&str> =
        output.lines().skip_while(|line| !is_place(line)).take_while(|line| !line.is_empty()).collect();
    match &lines[..] {
        [] => output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("").to_owned(),
        [place] => (*place).to_owned(),
        [place, said @ ..] => {
            format!("{}\n{}", said.join("\n"), place.rsplit_once(": ").map_or(*place, |(place, _)| place))
        }
    }
}

impl Feed for Output {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn begin(&mut self) -> Vec<Said> {
        let skipped = |name: &String| {
            let message = "disabled by its name".to_owned();
            Said::Finished(name.clone(), Verdict { message, ..Verdict::bare(TryOutcome::Skipped) })
        };
        self.disabled.iter().map(skipped).collect()
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        let lines = self.lines.push(&chunk.bytes);
        lines.iter().filter_map(|line| self.line(&String::from_utf8_lossy(&line.bytes))).collect()
    }

    fn end(&mut self, exit: Exit) -> Vec<Said> {
        if exit == Exit::Status(1) && !self.has_failed {
            let message = format!("the test program {exit} although every test passed");
            return vec![Said::Outside { message, output: Vec::new() }];
        }
        Vec::new()
    }
}

const MARKS: [(&str, TryOutcome); 3] = [
    ("[       OK ] ", TryOutcome::Passed),
    ("[  FAILED  ] ", TryOutcome::Failed),
    ("[  SKIPPED ] ", TryOutcome::Skipped),
];
const LINE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_recorded_list_is_understood() {
        let text = "Running main() from gtest_main.cc\nA.\n  Ok\n  DISABLED_Off\nTT/0.  # TypeParam = int\n  X\nI/P.\n  Y/0  # GetParam() = 1\n";
        assert_eq!(listed_names(text.as_bytes()), ["A.Ok", "A.DISABLED_Off", "TT/0.X", "I/P.Y/0"]);
        assert!(is_disabled("A.DISABLED_Off") && is_disabled("I/DISABLED_P.Y/0") && !is_disabled("A.Ok"));
    }

    #[test]
    fn a_recorded_run_is_understood() {
        let names = ["A.Ok", "A.Bad", "A.Skip", "I/P.Y/1", "Z.Print"];
        let names = names.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect();
        let mut output = Output::new(names, HashSet::from(["A.DISABLED_Off".to_owned()]));
        let mut said = output.begin();
        said.extend(output.output(&Chunk { stream: Stream::Stdout, bytes: Bytes::from_static(RECORDED.as_bytes()) }));
        let finished: Vec<_> = said
            .iter()
            .filter_map(|said| match said {
                Said::Finished(name, verdict) => Some((name.as_str(), verdict.outcome, verdict.message.as_str())),
                Said::Started(_) | Said::PutOff(_) | Said::Outside { .. } | Said::Done | Said::Trouble(_) => None,
            })
            .collect();
        assert_eq!(
            finished,
            [
                ("A.DISABLED_Off", TryOutcome::Skipped, "disabled by its name"),
                ("A.Ok", TryOutcome::Passed, ""),
                ("A.Bad", TryOutcome::Failed, "Expected equality of these values:\n  1\n  2\nsaid\n/x/g.cc:4"),
                ("A.Skip", TryOutcome::Skipped, "because\n/x/g.cc:5"),
                ("Z.Print", TryOutcome::Passed, ""),
                ("I/P.Y/1", TryOutcome::Failed, "Expected: (GetParam()) < (2), actual: 2 vs 2\n/x/g.cc:8"),
            ]
        );
        assert!(output.end(Exit::Status(1)).is_empty());
    }

    const RECORDED: &str = "[==========] Running 9 tests from 5 test suites.
[ RUN      ] A.Ok
[       OK ] A.Ok (0 ms)
[ RUN      ] A.Bad
/x/g.cc:4: Failure
Expected equality of these values:
  1
  2
said
[  FAILED  ] A.Bad (0 ms)
[ RUN      ] A.Skip
/x/g.cc:5: Skipped
because
[  SKIPPED ] A.Skip (0 ms)
[ RUN      ] Z.Print
no newline[       OK ] Z.Print (0 ms)
[ RUN      ] I/P.Y/1
/x/g.cc:8: Failure
Expected: (GetParam()) < (2), actual: 2 vs 2
[  FAILED  ] I/P.Y/1, where GetParam() = 2 (0 ms)
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] A.Bad
[  FAILED  ] I/P.Y/1, where GetParam() = 2
";
}
