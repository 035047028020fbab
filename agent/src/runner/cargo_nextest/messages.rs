//! What `cargo nextest run --message-format libtest-json-plus` prints while it runs.

use std::time::Duration;

use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;
use serde::Deserialize;

use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::failure::RunnerFailure;
use crate::runner::lines::{Line, Lines};
use crate::runner::progress::Verdict;
use crate::runner::rust_output;
use crate::runner::session::{Feed, Said};

/// Reads nextest's JSON lines.
#[derive(Debug)]
pub(super) struct Messages {
    lines: Lines,
    binary: String,
}

impl Messages {
    pub(super) const fn new() -> Self {
        Self { lines: Lines::new(LINE_BYTES_MAX), binary: String::new() }
    }

    fn read(&mut self, line: &Line) -> Option<Said> {
        let text = String::from_utf8_lossy(&line.bytes);
        if text.trim().is_empty() {
            return None;
        }
        let text = if line.is_cut { without_output(&text) } else { text.into_owned() };
        match serde_json::from_str(&text) {
            Ok(message) => self.take(message),
            Err(error) => {
                let message = format!("a line that cargo-nextest reported cannot be read: {error}");
                Some(Said::Trouble(RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)))
            }
        }
    }

    fn take(&mut self, message: Message) -> Option<Said> {
        if message.kind == "suite" {
            if let Some(nextest) = message.nextest {
                self.binary = nextest.binary_id();
            }
            return None;
        }
        let (_, test) = message.name.as_deref()?.split_once('$')?;
        let name = format!("{} {test}", self.binary);
        let outcome = match message.event.as_str() {
            "started" => return Some(Said::Started(name)),
            "ok" => TryOutcome::Passed,
            "failed" => TryOutcome::Failed,
            // Said of every ignored test of the binary, asked for or not: those that were asked for are run.
            _ => return None,
        };
        let duration = message.exec_time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let output = message.stdout.unwrap_or_default();
        let message = match outcome {
            TryOutcome::Passed | TryOutcome::Skipped => String::new(),
            TryOutcome::Failed | TryOutcome::Errored => {
                let said = [message.message.unwrap_or_default(), rust_output::summary(&output)].join("\n");
                if said.trim().is_empty() { "the test failed; the runner's log says how".to_owned() } else { said }
            }
        };
        Some(Said::Finished(name, Verdict { outcome, duration, message, output: output.into_bytes() }))
    }
}

impl Feed for Messages {
    fn is_for_log(&self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => false,
            Stream::Stderr => true,
        }
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        match chunk.stream {
            Stream::Stdout => self.lines.push(&chunk.bytes).iter().filter_map(|line| self.read(line)).collect(),
            Stream::Stderr => Vec::new(),
        }
    }

    fn end(&mut self, _exit: Exit) -> Vec<Said> {
        // A line without its end was cut off with the runner; its test is accounted for as unfinished.
        Vec::new()
    }
}

/// The line of a test that wrote more than a line may have, up to that output.
fn without_output(line: &str) -> String {
    let end = line.find(",\"stdout\":\"").unwrap_or(line.len());
    format!("{}}}", &line[..end])
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    name: Option<String>,
    exec_time: Option<f64>,
    stdout: Option<String>,
    message: Option<String>,
    nextest: Option<Suite>,
}

#[derive(Debug, Deserialize)]
struct Suite {
    #[serde(rename = "crate")]
    package: String,
    test_binary: String,
    kind: String,
}

impl Suite {
    /// As nextest forms it.
    fn binary_id(&self) -> String {
        match self.kind.as_str() {
            "lib" | "proc-macro" => self.package.clone(),
            "test" => format!("{}::{}", self.package, self.test_binary),
            kind => format!("{}::{kind}/{}", self.package, self.test_binary),
        }
    }
}

const LINE_BYTES_MAX: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn read(text: &str) -> Vec<Said> {
        Messages::new().output(&Chunk { stream: Stream::Stdout, bytes: Bytes::copy_from_slice(text.as_bytes()) })
    }

    #[test]
    fn a_recorded_run_is_understood() {
        let said = read(RECORDED);
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
                ("tiny tests::adds", TryOutcome::Passed, ""),
                ("tiny tests::err", TryOutcome::Failed, "\nError: \"bad\""),
                ("tiny::bin/tiny in_main", TryOutcome::Passed, ""),
            ]
        );
        assert!(said.contains(&Said::Started("tiny tests::adds".to_owned())));
    }

    #[test]
    fn a_line_beyond_the_limit_still_has_its_verdict() {
        let long = "x".repeat(LINE_BYTES_MAX);
        let said = read(&format!(
            "{}\n{{\"type\":\"test\",\"event\":\"failed\",\"name\":\"a::b$t\",\"exec_time\":1.5,\"stdout\":\"{long}\"}}\n",
            SUITE
        ));
        let Said::Finished(name, verdict) = &said[0] else { panic!("{said:?}") };
        assert_eq!((name.as_str(), verdict.outcome), ("tiny t", TryOutcome::Failed));
        assert_eq!(verdict.duration, Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn garbage_is_trouble() {
        assert!(matches!(read("garbage\n")[..], [Said::Trouble(_)]));
    }

    const SUITE: &str = r#"{"type":"suite","event":"started","test_count":9,"nextest":{"crate":"tiny","test_binary":"tiny","kind":"lib"}}"#;
    const RECORDED: &str = r#"{"type":"suite","event":"started","test_count":9,"nextest":{"crate":"tiny","test_binary":"tiny","kind":"lib"}}
{"type":"test","event":"started","name":"tiny::tiny$tests::adds"}
{"type":"test","event":"ok","name":"tiny::tiny$tests::adds","exec_time":0.007479667}
{"type":"test","event":"started","name":"tiny::tiny$tests::err"}
{"type":"test","event":"failed","name":"tiny::tiny$tests::err","exec_time":0.013412455,"stdout":"Error: \"bad\"\n"}
{"type":"test","event":"started","name":"tiny::tiny$tests::ignored"}
{"type":"test","event":"ignored","name":"tiny::tiny$tests::ignored"}
{"type":"suite","event":"failed","passed":2,"failed":3,"ignored":2,"measured":0,"filtered_out":0,"exec_time":0.359009164,"nextest":{"crate":"tiny","test_binary":"tiny","kind":"lib"}}
{"type":"suite","event":"started","test_count":1,"nextest":{"crate":"tiny","test_binary":"tiny","kind":"bin"}}
{"type":"test","event":"started","name":"tiny::tiny$in_main"}
{"type":"test","event":"ok","name":"tiny::tiny$in_main","exec_time":0.011474025}
{"type":"suite","event":"ok","passed":1,"failed":0,"ignored":0,"measured":0,"filtered_out":0,"exec_time":0.011474025,"nextest":{"crate":"tiny","test_binary":"tiny","kind":"bin"}}
"#;
}
