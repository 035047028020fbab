//! What `ctest -V` prints while tests run.
//!
//! `      Start  2: bad`, then what the test writes, each line after `2: `, then
//! ` 2/11 Test  #2: bad ......***Failed    0.02 sec`.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::outcome::TryOutcome;

use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::excerpt::Clip;
use crate::runner::lines::Lines;
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// Reads a run.
#[derive(Debug)]
pub(super) struct Output {
    /// The wanted tests by their numbers; others run because they need them.
    names: BTreeMap<u32, String>,
    lines: Lines,
    written: BTreeMap<u32, Clip>,
}

impl Output {
    pub(super) fn new(names: BTreeMap<u32, String>) -> Self {
        Self { names, lines: Lines::new(LINE_BYTES_MAX), written: BTreeMap::new() }
    }

    fn line(&mut self, line: &str) -> Option<Said> {
        if let Some((number, _)) = line.strip_prefix("      Start").and_then(|rest| rest.split_once(": ")) {
            return self.names.get(&number.trim().parse().ok()?).cloned().map(Said::Started);
        }
        if let Some((number, verdict)) = verdict(line) {
            let output = self.written.remove(&number).unwrap_or_default().into_bytes();
            return self.names.get(&number).map(|name| Said::Finished(name.clone(), Verdict { output, ..verdict }));
        }
        let (number, text) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
        let number = number.parse().ok().filter(|number| self.names.contains_key(number))?;
        let written = self.written.entry(number).or_default();
        written.push(text.as_bytes());
        written.push(b"\n");
        None
    }
}

/// ` 2/11 Test  #2: bad ......***Failed    0.02 sec`.
fn verdict(line: &str) -> Option<(u32, Verdict)> {
    let (before, rest) = line.split_once('#').filter(|(before, _)| before.trim_end().ends_with(" Test"))?;
    before.trim_start().starts_with(|character: char| character.is_ascii_digit()).then_some(())?;
    let (number, rest) = rest.split_once(": ")?;
    let (said, seconds) = rest.trim_end().strip_suffix(" sec")?.rsplit_once(' ')?;
    let duration = Duration::try_from_secs_f64(seconds.parse().ok()?).ok();
    let said = said.trim_end();
    let (outcome, message) = match said.rsplit_once("***") {
        None if said.ends_with(" Passed") => (TryOutcome::Passed, String::new()),
        None => return None,
        Some((_, "Skipped")) => (TryOutcome::Skipped, "the test says that it is to be skipped".to_owned()),
        Some((_, "Not Run (Disabled)")) => (TryOutcome::Skipped, "disabled".to_owned()),
        Some((_, "Not Run")) => (TryOutcome::Failed, "CTest could not run it; its log says why".to_owned()),
        Some((_, why)) => (TryOutcome::Failed, why.trim().to_owned()),
    };
    Some((number.trim().parse().ok()?, Verdict { duration, message, ..Verdict::bare(outcome) }))
}

impl Feed for Output {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        let lines = self.lines.push(&chunk.bytes);
        lines.iter().filter_map(|line| self.line(&String::from_utf8_lossy(&line.bytes))).collect()
    }

    fn end(&mut self, _exit: Exit) -> Vec<Said> {
        Vec::new()
    }
}

const LINE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_recorded_run_is_understood() {
        let names = [(1, "ok"), (2, "bad"), (4, "crash"), (5, "skip"), (6, "dis"), (7, "missing")];
        let names = names.into_iter().map(|(number, name)| (number, name.to_owned())).collect();
        let mut output = Output::new(names);
        let said = output.output(&Chunk { stream: Stream::Stdout, bytes: Bytes::from_static(RECORDED.as_bytes()) });
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
                ("ok", TryOutcome::Passed, ""),
                ("bad", TryOutcome::Failed, "Failed"),
                ("crash", TryOutcome::Failed, "Exception: SegFault"),
                ("skip", TryOutcome::Skipped, "the test says that it is to be skipped"),
                ("dis", TryOutcome::Skipped, "disabled"),
                ("missing", TryOutcome::Failed, "CTest could not run it; its log says why"),
            ]
        );
        let Said::Finished(_, bad) = &said[3] else { panic!("{said:?}") };
        assert!(String::from_utf8_lossy(&bad.output).ends_with("printed\n"), "{bad:?}");
    }

    const RECORDED: &str = "Constructing a list of tests
test 1
      Start  1: ok

1: Test command: /usr/bin/true
 1/11 Test  #1: ok ...............................   Passed    0.01 sec
test 2
      Start  2: bad

2: Test command: /usr/bin/sh \"-c\" \"echo printed; exit 3\"
2: printed
 2/11 Test  #2: bad ..............................***Failed    0.02 sec
      Start  3: other
 3/11 Test  #3: other ............................   Passed    0.01 sec
      Start  4: crash
 4/11 Test  #4: crash ............................***Exception: SegFault  0.02 sec
      Start  5: skip
 5/11 Test  #5: skip .............................***Skipped   0.02 sec
      Start  6: dis
 6/11 Test  #6: dis ..............................***Not Run (Disabled)   0.00 sec
      Start  7: missing
 7/11 Test  #7: missing ..........................***Not Run   0.00 sec
";
}
