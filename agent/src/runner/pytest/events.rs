//! What the plugin reports.

use std::time::Duration;

use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use serde::Deserialize;

use super::command::is_missing;
use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::excerpt::Tail;
use crate::runner::failure::RunnerFailure;
use crate::runner::lines::{Line, Lines};
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// One line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub(super) enum Event {
    /// Pytest has loaded the plugin.
    Hello {
        /// Its version.
        pytest: String,
    },
    /// A collected test.
    Item {
        /// Its name.
        name: String,
    },
    /// All collected tests have been named.
    Listed {
        /// How many they are.
        count: usize,
    },
    /// A test has begun.
    Started {
        /// Its name.
        name: String,
    },
    /// A test has ended, its teardown included.
    Finished {
        /// Its name.
        name: String,
        /// What it said.
        outcome: TryOutcome,
        /// Setup, call and teardown.
        seconds: f64,
        /// What went wrong, or why it was skipped.
        message: String,
        /// Traceback and captured output.
        output: String,
    },
}

impl Event {
    /// Reads a line.
    pub(super) fn read(line: &[u8]) -> Result<Self, RunnerFailure> {
        serde_json::from_slice(line).map_err(|error| {
            let message = format!("a line that the pytest plugin reported cannot be read: {error}");
            RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
        })
    }
}

/// Reads the plugin's pipe while tests run.
#[derive(Debug)]
pub(super) struct Events {
    lines: Lines,
    is_loaded: bool,
    words: Tail,
    /// What to say if pytest turns out not to be there.
    missing: RunnerFailure,
}

impl Events {
    pub(super) fn new(missing: RunnerFailure) -> Self {
        Self { lines: Lines::new(LINE_BYTES_MAX), is_loaded: false, words: Tail::default(), missing }
    }

    fn take(line: &Line) -> Option<Said> {
        match Event::read(&line.bytes) {
            Ok(Event::Started { name }) => Some(Said::Started(name)),
            Ok(Event::Finished { name, outcome, seconds, message, output }) => {
                let duration = Duration::try_from_secs_f64(seconds).ok();
                Some(Said::Finished(name, Verdict { outcome, duration, message, output: output.into_bytes() }))
            }
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
        self.lines.push(bytes).iter().filter_map(Self::take).collect()
    }

    fn end(&mut self, _exit: Exit) -> Vec<Said> {
        // A line without its end was cut off with the process; its test is accounted for as unfinished.
        let is_missing = !self.is_loaded && is_missing(&self.words.bytes());
        is_missing.then(|| Said::Trouble(self.missing.clone())).into_iter().collect()
    }
}

const LINE_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_verdicts_across_chunks() {
        let mut events = Events::new(RunnerFailure::cancelled());
        assert_eq!(
            events.channel(b"{\"event\":\"started\",\"name\":\"a.py::t[\\u00e9]\"}\n{\"event\":\"fin"),
            [Said::Started("a.py::t[é]".to_owned())]
        );
        let rest = br#"ished","name":"a.py::t","outcome":"skipped","seconds":0.5,"message":"why","output":""}
"#;
        let said = events.channel(rest);
        let [Said::Finished(name, verdict)] = &said[..] else { panic!("{said:?}") };
        assert_eq!((name.as_str(), verdict.outcome), ("a.py::t", TryOutcome::Skipped));
        assert!(matches!(events.channel(b"garbage\n")[..], [Said::Trouble(_)]));
    }
}
