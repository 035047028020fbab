//! What PHPUnit prints with `--teamcity` while it runs: `##teamcity[testStarted name='…' locationHint='…']`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_common::outcome::TryOutcome;

use crate::attempt::exit::Exit;
use crate::attempt::process::{Chunk, Stream};
use crate::runner::excerpt::Clip;
use crate::runner::lines::Lines;
use crate::runner::progress::Verdict;
use crate::runner::session::{Feed, Said};

/// Tests that wanted ones depend on.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// They run along, and their results are not wanted.
    pub(super) also: BTreeSet<String>,
    /// Tests that have been put off once for their sake.
    pub(super) put_off: BTreeSet<String>,
}

/// Reads a run.
#[derive(Debug)]
pub(super) struct Output {
    asked: BTreeSet<String>,
    needs: Arc<Mutex<Needs>>,
    lines: Lines,
    open: Option<Open>,
    has_failed: bool,
}

#[derive(Debug)]
struct Open {
    name: String,
    verdict: Option<Verdict>,
    is_put_off: bool,
    written: Clip,
}

impl Output {
    pub(super) fn new(asked: BTreeSet<String>, needs: Arc<Mutex<Needs>>) -> Self {
        Self { asked, needs, lines: Lines::new(LINE_BYTES_MAX), open: None, has_failed: false }
    }

    fn line(&mut self, line: &str) -> Option<Said> {
        let Some(place) = line.rfind("##teamcity[") else {
            self.write(line);
            self.write("\n");
            return None;
        };
        self.write(&line[..place]);
        let (word, attributes) = line[place + "##teamcity[".len()..].split_once(' ')?;
        let get = |key: &str| attribute(attributes, key);
        match word {
            "testStarted" => {
                let name = full(&get("locationHint")?);
                let started = self.asked.contains(&name).then(|| Said::Started(name.clone()));
                self.open = Some(Open { name, verdict: None, is_put_off: false, written: Clip::default() });
                started
            }
            "testFailed" => {
                let (message, details) = (get("message")?, get("details").unwrap_or_default());
                self.has_failed = true;
                self.say(TryOutcome::Failed, message, &details);
                None
            }
            "testIgnored" => {
                let message = get("message").unwrap_or_default();
                if !self.puts_off(&message) {
                    self.say(TryOutcome::Skipped, message, "");
                }
                None
            }
            "testFinished" => {
                let Open { name, verdict, is_put_off, written } = self.open.take()?;
                let duration = get("duration").and_then(|text| text.parse().ok()).map(Duration::from_millis);
                let verdict = verdict.unwrap_or_else(|| Verdict::bare(TryOutcome::Passed));
                let mut output = verdict.output;
                output.extend(written.into_bytes());
                let verdict = Verdict { duration, output, ..verdict };
                let said = if is_put_off { Said::PutOff(name.clone()) } else { Said::Finished(name.clone(), verdict) };
                self.asked.contains(&name).then_some(said)
            }
            _ => None,
        }
    }

    fn say(&mut self, outcome: TryOutcome, message: String, details: &str) {
        if let Some(open) = &mut self.open {
            let output = format!("{message}\n{}\n", details.trim()).into_bytes();
            open.verdict = Some(Verdict { message, output, ..Verdict::bare(outcome) });
        }
    }

    /// Whether the open test is skipped only because what it depends on was not asked for; that runs along the next time.
    fn puts_off(&mut self, message: &str) -> bool {
        let Some(open) = &mut self.open else { return false };
        let needed = message.strip_prefix("This test depends on \"").and_then(|rest| rest.split_once('"'));
        let Some((needed, _)) = needed else { return false };
        let mut needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner);
        needs.also.insert(needed.to_owned());
        open.is_put_off = self.asked.contains(&open.name) && needs.put_off.insert(open.name.clone());
        open.is_put_off
    }

    fn write(&mut self, text: &str) {
        if let Some(open) = self.open.as_mut().filter(|_| !text.trim().is_empty()) {
            open.written.push(text.as_bytes());
        }
    }
}

/// `php_qn:///x/ATest.php::\X\ATest::testOk with data set #0`.
fn full(hint: &str) -> String {
    let name = hint.split_once(".php::").map_or(hint, |(_, name)| name);
    name.strip_prefix('\\').unwrap_or(name).to_owned()
}

/// The value of `key='…'`, in which `|'` stands for an apostrophe.
fn attribute(text: &str, key: &str) -> Option<String> {
    let start = text.find(&format!("{key}='"))? + key.len() + 2;
    let mut value = String::new();
    let mut characters = text[start..].chars();
    loop {
        match characters.next()? {
            '\'' => return Some(value),
            '|' => match characters.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

impl Feed for Output {
    fn is_for_log(&self, _stream: Stream) -> bool {
        true
    }

    fn output(&mut self, chunk: &Chunk) -> Vec<Said> {
        let lines = self.lines.push(&chunk.bytes);
        lines.iter().filter_map(|line| self.line(&String::from_utf8_lossy(&line.bytes))).collect()
    }

    fn end(&mut self, exit: Exit) -> Vec<Said> {
        if matches!(exit, Exit::Status(1 | 2)) && !self.has_failed {
            let message = format!("phpunit {exit} although no test failed; its log says why");
            return vec![Said::Outside { message, output: Vec::new() }];
        }
        Vec::new()
    }
}

const LINE_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_recorded_run_is_understood_and_what_a_test_depends_on_is_remembered() {
        let needs = Arc::new(Mutex::new(Needs::default()));
        let asked = [
            "X\\ATest::testOk",
            "X\\ATest::testBad",
            "X\\ATest::testSkip",
            "X\\ATest::testDep",
            "X\\ATest::testData with data set \"it's\"",
        ];
        let mut output = Output::new(asked.map(str::to_owned).into(), Arc::clone(&needs));
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
                ("X\\ATest::testOk", TryOutcome::Passed, ""),
                ("X\\ATest::testBad", TryOutcome::Failed, "it's|[odd]\nFailed asserting that 2 is identical to 1."),
                ("X\\ATest::testSkip", TryOutcome::Skipped, "because"),
                ("X\\ATest::testData with data set \"it's\"", TryOutcome::Passed, ""),
            ]
        );
        assert_eq!(needs.lock().expect("nobody panicked").also, BTreeSet::from(["X\\ATest::testBase".to_owned()]));
    }

    const RECORDED: &str = r#"
##teamcity[testCount count='10' flowId='1']

##teamcity[testStarted name='testOk' locationHint='php_qn:///x/ATest.php::\X\ATest::testOk' flowId='1']

##teamcity[testFinished name='testOk' duration='10' flowId='1']

##teamcity[testStarted name='testBad' locationHint='php_qn:///x/ATest.php::\X\ATest::testBad' flowId='1']

##teamcity[testFailed name='testBad' message='it|'s|||[odd|]|nFailed asserting that 2 is identical to 1.' details=' /x/ATest.php:6|n ' duration='9' flowId='1']
printed
##teamcity[testFinished name='testBad' duration='9' flowId='1']

##teamcity[testStarted name='testSkip' locationHint='php_qn:///x/ATest.php::\X\ATest::testSkip' flowId='1']

##teamcity[testIgnored name='testSkip' message='because' details=' /x/ATest.php:8|n ' duration='7' flowId='1']

##teamcity[testFinished name='testSkip' duration='7' flowId='1']

##teamcity[testStarted name='testDep' locationHint='php_qn:///x/ATest.php::\X\ATest::testDep' flowId='1']

##teamcity[testIgnored name='testDep' message='This test depends on "X\ATest::testBase" to pass.' details='' duration='0' flowId='1']

##teamcity[testFinished name='testDep' duration='0' flowId='1']

##teamcity[testStarted name='testData with data set "it|'s"' locationHint='php_qn:///x/ATest.php::\X\ATest::testData with data set "it|'s"' flowId='1']

##teamcity[testFinished name='testData with data set "it|'s"' duration='0' flowId='1']
"#;
}
