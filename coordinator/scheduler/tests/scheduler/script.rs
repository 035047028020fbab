//! The language of scenarios.
//!
//! ```text
//! # a comment
//! config lease=5s refuse_unsatisfiable            settings that differ from the default
//! pipeline p project=x                            a specification, with its jobs:
//! job a steps needs=b,c on=linux timeout=9s once  kinds: steps, build, tests
//! @1.5 submit p request=r                         an input at its time in seconds
//! @2 s1#3 started 1.1                             a message of session s1 with number 3 in its spool
//! > …                                             what came of the line above
//! ```
//! Shards that begin before the seal are left out unless they are asked for (`config early_shards`): a story has no more
//! leases than it tells of. Deadlines that are due before a line's time are stepped before it. `wait` does nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use muster_common::control::{
    ArtifactMade, Discovered, Finished, FromAgent, Heartbeat, HeldBatch, HeldLease, Open, Output, Seal, TestResult,
    TestResults, TestStarted, WantBatch, Withdrawn,
};
use muster_common::digest::Digest;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentLife, AgentName, RunId, SessionId, TestIndex};
use muster_common::outcome::{AttemptOutcome, TryOutcome};
use muster_common::requirement::Requirement;
use muster_common::spec::{
    ArtifactInput, ArtifactSpec, JobSpec, RunSpec, Runner, StepSpec, StressSpec, TestGroup, TestScope, TestSpec, Work,
};
use muster_common::time::Wall;
use muster_scheduler::{Ask, Config, Input, TestName};
use sha2::{Digest as _, Sha256};

use crate::words::{Words, number, span, tests, token};

/// What one line asks for.
pub(crate) enum Line {
    /// Nothing: a comment, a setting, a part of a specification.
    Quiet,
    /// Time passes.
    Wait(Duration),
    /// The coordinator is killed and starts again.
    Restart(Duration),
    /// An input.
    Step(Duration, Input),
}

/// What lines have said so far.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) config: Config,
    pipelines: BTreeMap<String, RunSpec>,
    last_pipeline: String,
    asks: u64,
}

impl Script {
    pub(crate) fn line(&mut self, text: &str) -> Result<Line> {
        let mut words = Words::of(text);
        let Ok(first) = words.next() else { return Ok(Line::Quiet) };
        if first.starts_with('#') {
            return Ok(Line::Quiet);
        }
        let line = match first.as_str() {
            "config" => self.set_config(&mut words).map(|()| Line::Quiet),
            "pipeline" => self.begin_pipeline(&mut words).map(|()| Line::Quiet),
            "job" => self.add_job(&mut words).map(|()| Line::Quiet),
            time => {
                let seconds = time.strip_prefix('@').context("a line begins with @ and its time")?;
                self.timed(span(&format!("{seconds}s"))?, &mut words)
            }
        }?;
        words.end()?;
        Ok(line)
    }

    fn set_config(&mut self, words: &mut Words) -> Result<()> {
        let spans: [(&str, &mut Duration); 6] = [
            ("heartbeat", &mut self.config.heartbeat),
            ("lease", &mut self.config.lease),
            ("lease_unrepeatable", &mut self.config.lease_unrepeatable),
            ("restore_grace", &mut self.config.restore_grace),
            ("stop_grace", &mut self.config.stop_grace),
            ("retry_elsewhere", &mut self.config.retry_elsewhere),
        ];
        for (name, setting) in spans {
            if let Some(value) = words.value(name) {
                *setting = span(&value)?;
            }
        }
        self.config.auto_quarantine = words.list("auto_quarantine").into_iter().collect();
        self.config.early_shards = words.flag("early_shards");
        self.config.refuse_unsatisfiable = words.flag("refuse_unsatisfiable");
        if let Some(value) = words.value("runs_open_max") {
            self.config.runs_open_max = number(&value)?;
        }
        if let Some(value) = words.value("history_max") {
            self.config.history_max = number(&value)?;
        }
        Ok(())
    }

    fn begin_pipeline(&mut self, words: &mut Words) -> Result<()> {
        let name = words.next()?;
        let project = words.value("project").unwrap_or_else(|| "project".to_owned());
        let times = words.value("stress").map(|times| number(&times)).transpose()?;
        let changed = words.list("changed");
        let stress = times.map(|times| StressSpec { times, changed });
        self.pipelines.insert(name.clone(), RunSpec { project, name: name.clone(), stress, ..RunSpec::default() });
        self.last_pipeline = name;
        Ok(())
    }

    fn add_job(&mut self, words: &mut Words) -> Result<()> {
        let only = words.value("only");
        let job = job(words)?;
        let pipeline = self.pipelines.get_mut(&self.last_pipeline).context("a job stands below its pipeline")?;
        if let Some(only) = only {
            pipeline.only.insert(job.name.clone(), only.split(',').map(str::to_owned).collect());
        }
        pipeline.jobs.push(job);
        Ok(())
    }

    fn timed(&mut self, at: Duration, words: &mut Words) -> Result<Line> {
        let verb = words.next()?;
        if let Some((session, sequence)) = verb.split_once('#') {
            let message = Box::new(message(words)?);
            let input = Input::Agent { session: session_id(session)?, sequence: number(sequence)?, message };
            return Ok(Line::Step(at, input));
        }
        self.asks += 1;
        let ask = Ask(self.asks);
        let input = match verb.as_str() {
            "wait" => return Ok(Line::Wait(at)),
            "restart" => return Ok(Line::Restart(at)),
            "submit" => {
                let pipeline = words.next()?;
                let spec = self.pipelines.get(&pipeline).context("no such pipeline")?.clone();
                Input::SubmitRun { ask, spec: Box::new(spec), request_id: words.value("request").unwrap_or_default() }
            }
            "cancel" => Input::CancelRun { ask, run: run(words)? },
            "get" => Input::GetRun { ask, run: run(words)? },
            "spec" => Input::GetSpec { ask, run: run(words)? },
            "runs" => Input::ListRuns { ask },
            "watch" => Input::WatchRun { ask, run: run(words)? },
            "agents" => Input::ListAgents { ask },
            "overview" => Input::Overview { ask },
            "trust" => Input::TrustAgent { ask, agent: AgentName(words.next()?) },
            "known" => Input::ListTests {
                ask,
                project: "project".to_owned(),
                name: words.value("name"),
                from: (0, 0),
                limit: 100,
            },
            "quarantine" => {
                let seconds: u64 = number(&words.value("until").unwrap_or_else(|| "1000000".to_owned()))?;
                let owner = words.value("owner").unwrap_or_default();
                let reason = words.value("reason").unwrap_or_default();
                let until = Wall { unix_ms: 1_700_000_000_000 + seconds * 1_000 };
                Input::QuarantineTest { ask, test: test_name(words)?, owner, reason, until }
            }
            "release" => Input::ReleaseTest { ask, test: test_name(words)? },
            "drain" => Input::DrainAgent { ask, agent: AgentName(words.next()?) },
            "tests" => {
                let run = run(words)?;
                let from = words.value("from").unwrap_or_else(|| "0/0".to_owned());
                let (job, test) = from.split_once('/').context("from is JOB/TEST")?;
                let limit = number(&words.value("limit").unwrap_or_else(|| "100".to_owned()))?;
                Input::ListRunTests { ask, run, from: (number(job)?, number(test)?), limit }
            }
            "open" => Input::OpenSession { session: session_id(&words.next()?)?, open: Box::new(open(words)?) },
            "close" => Input::CloseSession { session: session_id(&words.next()?)? },
            "stored" => Input::ReportStored { run: run(words)?, report: digest(0xaa) },
            "stalled" => Input::Stalled { span: span(&words.next()?)? },
            other => bail!("`{other}` is no input"),
        };
        Ok(Line::Step(at, input))
    }
}

fn job(words: &mut Words) -> Result<JobSpec> {
    let name = words.next()?;
    let kind = words.next()?;
    let millis = |value: Option<String>, default: u64| match value {
        Some(value) => span(&value).map(|span| span.as_millis() as u64),
        None => Ok(default),
    };
    let runner = words.value("runner").unwrap_or_else(|| "pytest".to_owned());
    let tests = TestSpec {
        runner: Runner::named(&runner, Vec::new()).context("no such runner")?,
        working_directory: None,
        setup: Vec::new(),
        retries: number(&words.value("retries").unwrap_or_else(|| "2".to_owned()))?,
        parallel: words.value("parallel").map(|value| number(&value)).transpose()?,
        test_timeout_ms: 60_000,
        caches_discovery: false,
        scope: match words.value("scope") {
            Some(name) => TestScope::named(&name).context("no such scope")?,
            None => TestScope::Test,
        },
        groups: words.list("groups").iter().map(|text| group(text)).collect::<Result<_>>()?,
    };
    let work = match kind.as_str() {
        "steps" => Work::Steps(vec![StepSpec::new(name.as_str(), "make")]),
        "build" => Work::TestBuild(tests),
        "tests" => Work::Tests(tests),
        other => bail!("`{other}` is no kind of job"),
    };
    let input = |text: String| -> Result<ArtifactInput> {
        let (job, artifact) = text.split_once(':').context("an input is JOB:ARTIFACT")?;
        Ok(ArtifactInput { job: job.to_owned(), artifact: artifact.to_owned(), path: None })
    };
    Ok(JobSpec {
        group: words.value("group").unwrap_or_else(|| name.clone()),
        name,
        needs: words.list("needs"),
        condition: words.value("if"),
        requirements: words.list("on").into_iter().map(Requirement).collect(),
        env: BTreeMap::new(),
        timeout_ms: millis(words.value("timeout"), 3_600_000)?,
        queue_timeout_ms: millis(words.value("queue"), 86_400_000)?,
        is_repeatable: !words.flag("once"),
        may_fail: words.flag("may_fail"),
        work,
        inputs: words.list("inputs").into_iter().map(input).collect::<Result<_>>()?,
        artifacts: words
            .list("artifacts")
            .into_iter()
            .map(|name| ArtifactSpec { name, paths: vec!["out".to_owned()] })
            .collect(),
        outputs: BTreeMap::new(),
    })
}

/// `db:1:*db*`.
fn group(text: &str) -> Result<TestGroup> {
    let mut parts = text.splitn(3, ':');
    let mut part = || parts.next().map(str::to_owned).context("a group is NAME:LIMIT:PATTERN");
    Ok(TestGroup { name: part()?, limit: number(&part()?)?, patterns: vec![part()?] })
}

fn test_name(words: &mut Words) -> Result<TestName> {
    Ok(TestName { project: "project".to_owned(), job: words.value("job"), name: words.next()? })
}

fn run(words: &mut Words) -> Result<RunId> {
    number(&words.next()?).map(RunId)
}

fn session_id(text: &str) -> Result<SessionId> {
    number(text.strip_prefix('s').context("a session is written s1")?).map(SessionId)
}

fn open(words: &mut Words) -> Result<Open> {
    let label = |text: String| match text.split_once(':') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (text, String::new()),
    };
    Ok(Open {
        agent: AgentName(words.next()?),
        life: AgentLife(number(&words.value("life").unwrap_or_else(|| "1".to_owned()))?),
        number: number(&words.value("number").unwrap_or_else(|| "1".to_owned()))?,
        labels: words.list("labels").into_iter().map(label).collect(),
        slots: number(&words.value("slots").unwrap_or_else(|| "1".to_owned()))?,
        version: "1".to_owned(),
        features: Vec::new(),
        held: words.list("held").iter().map(|text| held(text)).collect::<Result<_>>()?,
        is_draining: words.flag("draining"),
    })
}

/// `1.2:started:wants:batch:1.3`.
fn held(text: &str) -> Result<HeldLease> {
    let mut parts = text.split(':');
    let mut held = HeldLease {
        token: token(parts.next().unwrap_or_default())?,
        is_started: false,
        is_finished: false,
        wants_batch: false,
        batches: Vec::new(),
    };
    while let Some(part) = parts.next() {
        match part {
            "started" => held.is_started = true,
            "finished" => held.is_finished = true,
            "wants" => held.wants_batch = true,
            "batch" => held.batches.push(HeldBatch { token: token(parts.next().unwrap_or_default())? }),
            other => bail!("`{other}` is nothing that a held lease has"),
        }
    }
    Ok(held)
}

fn message(words: &mut Words) -> Result<FromAgent> {
    let kind = words.next()?;
    Ok(match kind.as_str() {
        "heartbeat" => FromAgent::Heartbeat(Heartbeat {
            number: number(&words.next()?)?,
            alive: words.list("alive").iter().map(|text| token(text)).collect::<Result<_>>()?,
        }),
        "accepted" => FromAgent::Accepted(token(&words.next()?)?),
        "refused" => FromAgent::Refused { token: token(&words.next()?)?, reason: reason(&words.next()?) },
        "started" => FromAgent::Started(token(&words.next()?)?),
        "discovered" => FromAgent::Discovered(Discovered {
            token: token(&words.next()?)?,
            first: TestIndex(number(&words.value("from").unwrap_or_else(|| "0".to_owned()))?),
            tests: names(&words.list("tests"))?,
        }),
        "test-started" => {
            FromAgent::TestStarted(TestStarted { batch: token(&words.next()?)?, tests: tests(&words.next()?)? })
        }
        "results" => FromAgent::TestResults(TestResults {
            batch: token(&words.next()?)?,
            results: words.remaining().iter().map(|text| results(text)).collect::<Result<Vec<_>>>()?.concat(),
        }),
        "want" => FromAgent::WantBatch(WantBatch {
            shard: token(&words.next()?)?,
            start_cost_us: words.value("cost").map_or(Ok(0), |cost| span(&cost).map(|span| span.as_micros() as u64))?,
        }),
        "withdrawn" => FromAgent::Withdrawn(Withdrawn {
            batch: token(&words.next()?)?,
            given_up: tests(&words.value("given").unwrap_or_default())?,
            started: tests(&words.value("started").unwrap_or_default())?,
        }),
        "finished" => FromAgent::Finished(finished(words)?),
        "draining" => FromAgent::Draining,
        other => bail!("`{other}` is no message"),
    })
}

/// `a,b,c`, or `t*40` for t0 to t39.
fn names(parts: &[String]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for part in parts {
        match part.split_once('*') {
            Some((stem, count)) => names.extend((0..number::<u32>(count)?).map(|place| format!("{stem}{place}"))),
            None => names.push(part.clone()),
        }
    }
    Ok(names)
}

/// `3=failed:message`, `0..4=passed`, `1=passed@2.5s`; durations are one second a test if not said.
fn results(text: &str) -> Result<Vec<TestResult>> {
    let (which, what) = text.split_once('=').context("a result is TEST=OUTCOME")?;
    let (what, took) = what.split_once('@').unwrap_or((what, "1s"));
    let duration_us = span(took)?.as_micros() as u64;
    let (outcome, message) = what.split_once(':').unwrap_or((what, ""));
    let outcome = match outcome {
        "passed" => TryOutcome::Passed,
        "failed" => TryOutcome::Failed,
        "skipped" => TryOutcome::Skipped,
        "errored" => TryOutcome::Errored,
        other => bail!("`{other}` is no outcome of a test"),
    };
    let range = match which.split_once("..") {
        Some((first, last)) => number::<u32>(first)?..number::<u32>(last)? + 1,
        None => number::<u32>(which)?..number::<u32>(which)? + 1,
    };
    Ok(range
        .map(|test| TestResult {
            test: TestIndex(test),
            outcome,
            duration_us,
            message: message.to_owned(),
            output: Output::None,
        })
        .collect())
}

fn finished(words: &mut Words) -> Result<Finished> {
    let lease = token(&words.next()?)?;
    let outcome = words.next()?;
    let outcome = match outcome.split_once(':') {
        None if outcome == "passed" => AttemptOutcome::Passed,
        None if outcome == "timed-out" => AttemptOutcome::TimedOut,
        None if outcome == "cancelled" => AttemptOutcome::Cancelled,
        Some(("failed", rest)) => AttemptOutcome::Failed { reason: reason(rest) },
        Some(("errored", rest)) => AttemptOutcome::Errored { reason: reason(rest) },
        _ => bail!("`{outcome}` is no outcome of an attempt"),
    };
    let artifacts = words.list("artifacts").into_iter().map(|name| ArtifactMade { name, root: digest(0xbb) });
    let output = |text: String| text.split_once(':').map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(Finished {
        token: lease,
        outcome,
        log_bytes: 0,
        is_log_complete: true,
        artifacts: artifacts.collect(),
        outputs: words.list("outputs").into_iter().filter_map(output).collect(),
        seal: words.value("seal").map(|value| seal(&value)).transpose()?,
    })
}

/// The seal of a list of names.
pub(crate) fn seal(text: &str) -> Result<Seal> {
    let parts: Vec<String> = text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    Ok(seal_of(&names(&parts)?))
}

/// The seal of these names.
pub(crate) fn seal_of(names: &[String]) -> Seal {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    Seal { count: names.len() as u32, sha256: hash.finalize().into() }
}

/// `code:text`, or a code alone.
fn reason(text: &str) -> Reason {
    let (code, message) = text.split_once(':').unwrap_or((text, "no message"));
    Reason::new(ReasonCode::from_word(code), message)
}

fn digest(byte: u8) -> Digest {
    Digest { hash: [byte; 32], size_bytes: 1 }
}
