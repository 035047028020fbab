//! The plugin's pipe while tests run.

use std::time::Duration;

use muster_common::outcome::TryOutcome;

use super::event::Event;
use super::tool::Tool;
use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::excerpt::Tail;
use crate::runner::lines::{Line, Lines};
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// Reads it.
#[derive(Debug)]
pub(super) struct Events {
    tool: &'static Tool,
    lines: Lines,
    is_loaded: bool,
    words: Tail,
    /// Whether anything that it said explains an error at its end.
    has_trouble: bool,
}

impl Events {
    pub(super) fn new(tool: &'static Tool) -> Self {
        Self { tool, lines: Lines::new(LINE_BYTES_MAX), is_loaded: false, words: Tail::default(), has_trouble: false }
    }

    fn take(line: &Line) -> Option<Said> {
        match Event::read(&line.bytes) {
            Ok(Event::Started { name }) => Some(Said::Started(name)),
            Ok(Event::Finished { name, outcome, seconds, message, output }) => {
                let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                Some(Said::Finished(name, Verdict { outcome, duration, message, output: output.into_bytes() }))
            }
            Ok(Event::Outside { message, output }) => Some(Said::Outside { message, output: output.into_bytes() }),
            Ok(Event::Done) => Some(Said::Done),
            Ok(Event::Hello { .. } | Event::Item { .. } | Event::Listed { .. }) => None,
            Err(failure) => Some(Said::Trouble(failure)),
        }
    }
}

impl Feed for Events {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        if !self.is_loaded {
            self.words.push(&chunk.bytes);
        }
        Vec::new()
    }

    fn channel(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.is_loaded = true;
        let said: Vec<Said> = self.lines.push(bytes).iter().filter_map(Self::take).collect();
        self.has_trouble |= said.iter().any(|one| match one {
            Said::Finished(_, verdict) => matches!(verdict.outcome, TryOutcome::Failed | TryOutcome::Errored),
            Said::Outside { .. } | Said::Trouble(_) => true,
            Said::Started(_) | Said::PutOff(_) | Said::Done => false,
        });
        said
    }

    fn end(&mut self, exit: Exit) -> Vec<Said> {
        // A line without its end was cut off with the process; its test is accounted for as unfinished.
        if !self.is_loaded && self.tool.is_missing(exit, &self.words.bytes()) {
            return vec![Said::Trouble(self.tool.missing(&self.words))];
        }
        if self.tool.is_strict && !self.has_trouble && exit != Exit::Status(0) && self.tool.is_regular(exit) {
            let message = format!("{} {exit} although no test failed; its log says why", self.tool.name);
            return vec![Said::Outside { message, output: Vec::new() }];
        }
        Vec::new()
    }
}

const LINE_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::pytest::PYTEST;

    #[test]
    fn lines_become_verdicts_across_chunks() {
        let mut events = Events::new(&PYTEST);
        assert_eq!(
            events.channel(b"{\"event\":\"started\",\"name\":\"a.py::t[\\u00e9]\"}\n{\"event\":\"fin"),
            [Said::Started("a.py::t[é]".to_owned())]
        );
        let rest = br#"ished","name":"a.py::t","outcome":"skipped","seconds":0.5,"message":"why","output":""}
"#;
        let said = events.channel(rest);
        let [Said::Finished(name, verdict)] = &said[..] else { panic!("{said:?}") };
        assert_eq!((name.as_str(), verdict.outcome), ("a.py::t", TryOutcome::Skipped));
        assert_eq!(events.channel(b"{\"event\":\"done\"}\n"), [Said::Done]);
        assert!(matches!(events.channel(b"garbage\n")[..], [Said::Trouble(_)]));
    }
}
