//! Lines of a script.

use std::collections::BTreeMap;

use muster_common::control::{
    Batch, CancelReason, Claim, ClaimAnswer, DealtTest, Discovered, Finished, Lease, LeaseWork, Opened, Output, Stamp,
    TestResult, TestResults, TestStarted, ToAgent, Withdraw, Withdrawn,
};
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{Epoch, JobId, JobIndex, RunId, SessionId, TestIndex, Token};
use muster_common::outcome::{AttemptOutcome, TryOutcome};
use muster_common::spec::{Runner, TestScope, TestSpec};
use muster_session::{BatchDone, Input, ShardReady, Work};

use super::HOME;

/// What a line says.
pub(crate) enum Command {
    Config,
    Start,
    At(u64),
    Input(Box<Input>),
}

/// A line in words: `name argument key=value flag`.
pub(crate) struct Words {
    name: String,
    plain: Vec<String>,
    pairs: Vec<(String, String)>,
}

/// Understands a line.
pub(crate) fn command(words: &Words) -> Result<Command, String> {
    let input = match words.name.as_str() {
        "config" => return Ok(Command::Config),
        "start" => return Ok(Command::Start),
        "at" => return words.first()?.parse().map(Command::At).map_err(|_| "`at` wants milliseconds".to_owned()),
        "linked" => Input::LinkOpened,
        "lost" => Input::LinkLost,
        "drain" => Input::Drain,
        "deadline" => Input::Deadline,
        "started" | "discovered" | "ready" | "begun" | "results" | "done" | "withdrawn" | "finished" => {
            Input::Work(work(words)?)
        }
        _ => Input::Message { stamp: words.stamp()?, message: Box::new(message(words)?) },
    };
    Ok(Command::Input(Box::new(input)))
}

fn message(words: &Words) -> Result<ToAgent, String> {
    Ok(match words.name.as_str() {
        "opened" => ToAgent::Opened(opened(words)?),
        "lease" => ToAgent::Lease(Box::new(lease(words)?)),
        "batch" => ToAgent::Batch(Batch {
            token: words.token()?,
            shard: words.token_of("shard")?,
            tests: words.tests("tests")?.into_iter().map(dealt).collect(),
            is_last: words.has("last"),
        }),
        "withdraw" => ToAgent::Withdraw(Withdraw { batch: words.token()?, tests: words.tests("tests")? }),
        "cancel" => ToAgent::Cancel {
            token: words.token()?,
            reason: if words.has("timeout") {
                CancelReason::Timeout
            } else if words.has("superseded") {
                CancelReason::Superseded
            } else {
                CancelReason::Cancelled
            },
        },
        "drain!" => ToAgent::Drain,
        "answer" => ToAgent::HeartbeatAnswer { number: words.first()?.parse().map_err(|_| "a number")? },
        "ack" => ToAgent::Ack { up_to: words.first()?.parse().map_err(|_| "a number")? },
        other => return Err(format!("`{other}` is no input")),
    })
}

fn opened(words: &Words) -> Result<Opened, String> {
    let mut claims = Vec::new();
    for (key, value) in &words.pairs {
        let claim = match key.as_str() {
            "keep" => Claim::Keep,
            "stop" => Claim::Stop,
            _ => continue,
        };
        claims.push(ClaimAnswer { token: value.parse().map_err(|_| "a token")?, claim });
    }
    Ok(Opened {
        session: SessionId(1),
        heartbeat_ms: words.number("heartbeat")?.unwrap_or(1_000),
        lease_ms: words.number("lease")?.unwrap_or(5_000),
        lease_unrepeatable_ms: words.number("unrepeatable")?.unwrap_or(60_000),
        claims,
    })
}

fn lease(words: &Words) -> Result<Lease, String> {
    let work = if words.has("shard") { LeaseWork::Shard(test_spec()) } else { LeaseWork::Steps(Vec::new()) };
    Ok(Lease {
        token: words.token()?,
        job: JobId { run: RunId(1), job: JobIndex(0) },
        project: "p".to_owned(),
        job_name: "j".to_owned(),
        attempt: 1,
        shard: None,
        work,
        env: BTreeMap::new(),
        workspace: None,
        inputs: Vec::new(),
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
        needs: BTreeMap::new(),
        timeout_ms: 60_000,
        is_repeatable: !words.has("unrepeatable"),
    })
}

fn work(words: &Words) -> Result<Work, String> {
    let token = words.token()?;
    Ok(match words.name.as_str() {
        "started" => Work::Started(token),
        "discovered" => {
            let first = TestIndex(u32::try_from(words.number("first")?.unwrap_or(0)).map_err(|_| "an index")?);
            Work::Discovered(Discovered { token, first, tests: words.plain[1..].to_vec() })
        }
        "ready" => Work::ShardReady(ShardReady { shard: token, start_cost_us: 0 }),
        "begun" => Work::TestStarted(TestStarted { batch: token, tests: words.tests("tests")? }),
        "results" => Work::TestResults(TestResults { batch: token, results: results(words)? }),
        "done" => {
            let start_cost_us = words.number("cost")?.unwrap_or(0);
            Work::BatchDone(BatchDone { shard: words.token_of("shard")?, batch: token, start_cost_us })
        }
        "withdrawn" => Work::Withdrawn(Withdrawn {
            batch: token,
            given_up: words.tests("given")?,
            started: words.tests("started")?,
        }),
        _ => Work::Finished(Box::new(finished(words, token))),
    })
}

fn finished(words: &Words, token: Token) -> Finished {
    let reason = || Reason::new(ReasonCode::ExitStatus, "it said no");
    let outcome = if words.has("failed") {
        AttemptOutcome::Failed { reason: reason() }
    } else if words.has("errored") {
        AttemptOutcome::Errored { reason: reason() }
    } else if words.has("cancelled") {
        AttemptOutcome::Cancelled
    } else {
        AttemptOutcome::Passed
    };
    Finished {
        token,
        outcome,
        log_bytes: 0,
        is_log_complete: true,
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
        seal: None,
    }
}

fn results(words: &Words) -> Result<Vec<TestResult>, String> {
    let mut results = Vec::new();
    for (key, outcome) in [("passed", TryOutcome::Passed), ("failed", TryOutcome::Failed)] {
        for test in words.tests(key)? {
            results.push(TestResult { test, outcome, duration_us: 1, message: String::new(), output: Output::None });
        }
    }
    Ok(results)
}

fn dealt(test: TestIndex) -> DealtTest {
    DealtTest { test, name: format!("t{test}"), attempt: 1 }
}

fn test_spec() -> TestSpec {
    TestSpec {
        runner: Runner::Pytest { args: Vec::new() },
        working_directory: None,
        setup: Vec::new(),
        retries: 0,
        parallel: None,
        test_timeout_ms: 1_000,
        scope: TestScope::Test,
        groups: Vec::new(),
        caches_discovery: false,
    }
}

impl Words {
    /// A line in words.
    pub(crate) fn new(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let (mut plain, mut pairs) = (Vec::new(), Vec::new());
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => pairs.push((key.to_owned(), value.to_owned())),
                None => plain.push(word.to_owned()),
            }
        }
        Self { name, plain, pairs }
    }

    /// The value of `key` as a number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, String> {
        self.value(key).map(|value| value.parse().map_err(|_| format!("`{key}` wants a number"))).transpose()
    }

    fn first(&self) -> Result<&str, String> {
        self.plain.first().map(String::as_str).ok_or_else(|| "something is missing".to_owned())
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    fn has(&self, flag: &str) -> bool {
        self.plain.iter().any(|word| word == flag)
    }

    fn token(&self) -> Result<Token, String> {
        self.first()?.parse().map_err(|error| format!("{error}"))
    }

    fn token_of(&self, key: &str) -> Result<Token, String> {
        self.value(key).ok_or_else(|| format!("`{key}` is missing"))?.parse().map_err(|error| format!("{error}"))
    }

    /// Tests as `0,1,2` or `0..3`; none if the key is missing.
    fn tests(&self, key: &str) -> Result<Vec<TestIndex>, String> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("`{key}` wants tests"));
        if let Some((from, to)) = value.split_once("..") {
            return Ok((number(from)?..number(to)?).map(TestIndex).collect());
        }
        value.split(',').map(|test| number(test).map(TestIndex)).collect()
    }

    /// Where a message comes from: `from=STORE.EPOCH`.
    fn stamp(&self) -> Result<Stamp, String> {
        let Some(value) = self.value("from") else { return Ok(Stamp { store_id: HOME.0, epoch: HOME.1 }) };
        let token: Token = value.parse().map_err(|error| format!("{error}"))?;
        Ok(Stamp { store_id: u128::from(token.epoch.0), epoch: Epoch(token.counter) })
    }
}
