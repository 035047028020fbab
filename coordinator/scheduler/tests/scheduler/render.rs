//! Writes and effects as one line each.

use muster_common::control::{Batch, CancelReason, Claim, Lease, LeaseWork, ToAgent};
use muster_common::error_code::Reason;
use muster_common::id::TestIndex;
use muster_common::outcome::{Outcome, TryOutcome};
use muster_common::time::{Monotonic, Wall};
use muster_scheduler::{
    AgentSummary, Answer, BatchRow, CloseReason, Effect, End, Event, JobRow, JobState, JobSummary, Key, KnownTest,
    LeasePart, LeaseRow, MemoryTestRow, Row, RunRow, RunSummary, TestCounts, TestReport, TestRow, TryRow, Write,
};

pub(crate) fn seconds(at: Monotonic) -> String {
    format!("{}", at.micros as f64 / 1e6)
}

pub(crate) fn write(write: &Write) -> String {
    match write {
        Write::Put(row) => format!("put {}", row_text(row)),
        Write::Delete(key) => format!("delete {}", key_text(*key)),
    }
}

fn key_text(key: Key) -> String {
    match key {
        Key::Counters => "counters".to_owned(),
        Key::History(run) => format!("history {run}"),
        Key::MemorySuite(suite) => format!("memory {suite}"),
        Key::MemoryTest(suite, place) => format!("memory {suite}/{place}"),
        Key::AgentHealth(number) => format!("agent {number:08x}"),
        Key::Run(run) => format!("run {run}"),
        Key::Job(job) => format!("job {job}"),
        Key::TestNames(job, first) => format!("names {job} from {first}"),
        Key::Test(job, test) => format!("test {job} {test}"),
        Key::Lease(token) => format!("lease {token}"),
        Key::Batch(token) => format!("batch {token}"),
    }
}

fn row_text(row: &Row) -> String {
    let key = key_text(row.key());
    match row {
        Row::Counters(row) => format!("{key} next_run={}", row.next_run),
        Row::History(row) => format!("{key} {}", run_summary(&row.summary)),
        Row::MemorySuite(row) => format!("{key} of {} `{}`", row.project, row.job),
        Row::MemoryTest(row) => format!("{key}{}", remembered(row)),
        Row::AgentHealth(row) => {
            let fence = row.fence.as_ref().map(|fence| format!(" fenced off: {}", fence.reason)).unwrap_or_default();
            let trusted = match row.discredited_until {
                0 | u32::MAX => String::new(),
                run => format!(" trusted again after run {run}"),
            };
            format!("{key} {} surprises={}/{}{fence}{trusted}", row.agent, row.surprises, row.tries)
        }
        Row::Run(row) => format!("{key}{}", run_row(row)),
        Row::Job(row) => format!("{key}{}", job_row(row)),
        Row::TestNames(row) => format!("{key}: {}", shortened(&row.names)),
        Row::Test(row) => format!("{key}{}", test_row(row)),
        Row::Lease(row) => format!("{key}{}", lease_row(row)),
        Row::Batch(row) => format!("{key}{}", batch_row(row)),
    }
}

fn remembered(row: &MemoryTestRow) -> String {
    let mut text = format!(" {} mean={}us high={}us", row.name, row.mean_us, row.high_us);
    for (what, count) in [("passed", row.passed), ("failed", row.failed), ("flaky", row.flaky)] {
        if count > 0 {
            text.push_str(&format!(" {what}={count}"));
        }
    }
    for recent in &row.recent {
        text.push_str(&format!(" {}:{:?}", recent.run, recent.outcome));
    }
    if let Some(quarantine) = &row.quarantine {
        let how = if quarantine.is_automatic { "automatic" } else { "by hand" };
        text.push_str(&format!(" quarantine {how} by {} because {}", quarantine.owner, quarantine.reason));
    }
    text
}

fn run_row(row: &RunRow) -> String {
    let mut text = String::new();
    flag(&mut text, "started", row.started.is_some());
    flag(&mut text, "cancel-requested", row.is_cancel_requested);
    text + &end(row.end.as_ref())
}

fn job_row(row: &JobRow) -> String {
    let mut text = String::new();
    flag(&mut text, "queued", row.queued.is_some());
    flag(&mut text, "started", row.started.is_some());
    count(&mut text, "attempts", row.attempts);
    count(&mut text, "lost", row.lost);
    count(&mut text, "shards", row.shards);
    if let Some(sealed) = row.sealed {
        text += &format!(" sealed={sealed}");
    }
    for name in row.artifacts.keys() {
        text += &format!(" artifact={name}");
    }
    for (name, value) in &row.outputs {
        text += &format!(" output={name}:{value}");
    }
    text + &end(row.end.as_ref())
}

fn test_row(row: &TestRow) -> String {
    let mut text = String::new();
    for test_try in &row.tries {
        text += &format!(" {}", try_text(test_try));
    }
    count(&mut text, "lost", row.lost);
    if let Some(verdict) = row.verdict {
        text += &format!(" => {}", verdict.word());
    }
    flag(&mut text, "quarantined", row.is_quarantined);
    text
}

fn try_text(test_try: &TryRow) -> String {
    let message = if test_try.message.is_empty() { String::new() } else { format!(" \"{}\"", test_try.message) };
    format!(
        "[{} {} by {} on {}{message}]",
        test_try.attempt,
        try_outcome(test_try.outcome),
        test_try.token,
        test_try.agent
    )
}

fn lease_row(row: &LeaseRow) -> String {
    let part = match row.part {
        LeasePart::Work => "work".to_owned(),
        LeasePart::Discovery => "discovery".to_owned(),
        LeasePart::Shard(shard) => format!("shard {shard}"),
    };
    let mut text = format!(" {part} of {} attempt {} on {}/{}", row.job, row.attempt, row.agent, row.life.0);
    flag(&mut text, "started", row.is_started);
    flag(&mut text, "over", row.is_over);
    if !row.places.is_empty() {
        let places: Vec<String> = row.places.iter().map(|place| place.to_string()).collect();
        text += &format!(" places={}", places.join(","));
    }
    text
}

fn batch_row(row: &BatchRow) -> String {
    let tests: Vec<String> = row.tests.iter().map(|(test, attempt)| format!("{test}.{attempt}")).collect();
    let mut text = format!(" of shard {}: {}", row.shard, shortened(&tests));
    flag(&mut text, "over", row.is_over);
    text
}

pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Send { session, message } => format!("send s{session} {}", to_agent(message)),
        Effect::CloseSession { session, why } => format!("close s{session} {}", close_reason(why)),
        Effect::Answer { ask, answer } => format!("answer {} {}", ask.0, answer_text(answer)),
        Effect::Publish { run, event } => format!("publish {run} {}", event_text(event)),
        Effect::Retire { report } => {
            format!("retire {} with {} tests", report.run.run, report.tests.len())
        }
    }
}

fn close_reason(why: &CloseReason) -> String {
    match why {
        CloseReason::Replaced => "replaced".to_owned(),
        CloseReason::NameTaken => "name taken".to_owned(),
        CloseReason::Silent => "silent".to_owned(),
        CloseReason::Protocol(text) => format!("protocol: {text}"),
    }
}

fn to_agent(message: &ToAgent) -> String {
    match message {
        ToAgent::Opened(opened) => {
            let claims = opened.claims.iter().map(|answer| match answer.claim {
                Claim::Keep => format!(" keep {}", answer.token),
                Claim::Stop => format!(" stop {}", answer.token),
            });
            format!("opened{}", claims.collect::<String>())
        }
        ToAgent::Lease(lease) => lease_text(lease),
        ToAgent::Batch(batch) => batch_text(batch),
        ToAgent::Withdraw(withdraw) => format!("withdraw {} {}", withdraw.batch, test_list(&withdraw.tests)),
        ToAgent::Cancel { token, reason } => format!("cancel {token} {}", cancel_reason(*reason)),
        ToAgent::Drain => "drain".to_owned(),
        ToAgent::HeartbeatAnswer { number } => format!("heartbeat-answer {number}"),
        ToAgent::Ack { up_to } => format!("ack {up_to}"),
    }
}

fn cancel_reason(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Cancelled => "cancelled",
        CancelReason::Timeout => "timeout",
        CancelReason::Superseded => "superseded",
    }
}

fn lease_text(lease: &Lease) -> String {
    let work = match &lease.work {
        LeaseWork::Steps(_) => "steps",
        LeaseWork::TestBuild(_) => "build",
        LeaseWork::Discover(_) => "discover",
        LeaseWork::Shard(_) => "shard",
    };
    let mut text = format!("lease {} {work} of {} attempt {}", lease.token, lease.job, lease.attempt);
    if let Some(shard) = lease.shard {
        text += &format!(" shard {shard}");
    }
    for input in &lease.inputs {
        text += &format!(" input={}", input.artifact);
    }
    for (group, need) in &lease.needs {
        let outputs: Vec<String> = need.outputs.iter().map(|(name, value)| format!(" {name}:{value}")).collect();
        text += &format!(" need={group}:{}{}", need.outcome.word(), outputs.concat());
    }
    text += &format!(" timeout={}ms", lease.timeout_ms);
    flag(&mut text, "once", !lease.is_repeatable);
    text
}

fn batch_text(batch: &Batch) -> String {
    let tests: Vec<String> =
        batch.tests.iter().map(|dealt| format!("{}:{}.{}", dealt.test, dealt.name, dealt.attempt)).collect();
    let mut text = format!("batch {} for {}: {}", batch.token, batch.shard, shortened(&tests));
    flag(&mut text, "last", batch.is_last);
    text
}

fn test_list(tests: &[TestIndex]) -> String {
    let tests: Vec<String> = tests.iter().map(ToString::to_string).collect();
    shortened(&tests)
}

fn answer_text(answer: &Answer) -> String {
    match answer {
        Answer::Submitted { run, is_duplicate } => {
            format!("submitted {run}{}", if *is_duplicate { " again" } else { "" })
        }
        Answer::Cancelled { had_ended } => format!("cancelled{}", if *had_ended { ", had ended" } else { "" }),
        Answer::Run(summary) => format!("run {}", run_summary(summary)),
        Answer::Spec(spec) => format!("spec of {} jobs", spec.jobs.len()),
        Answer::Runs(runs) => format!("runs {}", joined(runs.iter().map(run_summary))),
        Answer::Tests { tests, next } => format!("tests {} next={next:?}", joined(tests.iter().map(test_report))),
        Answer::KnownTests { tests, next } => format!("known {} next={next:?}", joined(tests.iter().map(known_test))),
        Answer::Watching(summary) => format!("watching {}", run_summary(summary)),
        Answer::Agents(agents) => format!("agents {}", joined(agents.iter().map(agent_summary))),
        Answer::Overview(overview) => format!("overview {overview:?}"),
        Answer::Done => "done".to_owned(),
        Answer::Refused(refusal) => format!("refused: {refusal}"),
    }
}

fn agent_summary(agent: &AgentSummary) -> String {
    let fence = if agent.fence.is_empty() { String::new() } else { format!(" because {}", agent.fence) };
    format!("{} {:?} {}/{}{fence}", agent.agent, agent.state, agent.busy, agent.slots)
}

fn known_test(known: &KnownTest) -> String {
    let rate = known.rate;
    format!("{} of {}: {:?} {}/{}", known.test.name, known.job, known.standing, rate.flakes, rate.runs)
}

fn test_report(test: &TestReport) -> String {
    let verdict = test.verdict.map_or("open", |verdict| verdict.word());
    let mut text = format!("{}:{} {verdict} after {} tries", test.test, test.name, test.tries.len());
    if !test.waits_for.is_empty() {
        text += &format!(", waits for {}", test.waits_for);
    }
    text
}

fn event_text(event: &Event) -> String {
    match event {
        Event::RunChanged(summary) => format!("run {}", run_summary(summary)),
        Event::JobChanged(summary) => job_summary(summary),
        Event::TestFinished { job, test, name, test_try, verdict, is_quarantined } => {
            let verdict = verdict.map_or("open", |verdict| verdict.word());
            let mut text = format!("test {job} {test}:{name} {} => {verdict}", try_text(test_try));
            flag(&mut text, "quarantined", *is_quarantined);
            text
        }
        Event::ShardsChanged { job, shards, running_tests } => {
            format!("shards {job} {shards} running [{}]", running_tests.join(" "))
        }
        Event::RunFinished(summary) => format!("finished {}", run_summary(summary)),
    }
}

fn run_summary(summary: &RunSummary) -> String {
    let mut text = format!("{}", summary.run);
    flag(&mut text, "started", summary.started.is_some());
    flag(&mut text, "cancel-requested", summary.is_cancel_requested);
    text += &counts(summary.tests);
    text += &end(summary.end.as_ref());
    if !summary.jobs.is_empty() {
        text += &format!(" ({})", joined(summary.jobs.iter().map(job_summary)));
    }
    text
}

fn job_summary(summary: &JobSummary) -> String {
    let state = match summary.state {
        JobState::Waiting => "waiting",
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Finished => "finished",
    };
    let mut text = format!("job {} `{}` {state}", summary.job, summary.name);
    if !summary.waiting_for.is_empty() {
        text += &format!(" for {}", summary.waiting_for);
    }
    count(&mut text, "lost", summary.lost);
    for alarm in &summary.alarms {
        text += &format!(" alarm: {alarm}");
    }
    text + &counts(summary.tests) + &end(summary.end.as_ref())
}

fn counts(counts: TestCounts) -> String {
    let mut text = String::new();
    let sums = [
        ("tests", counts.discovered),
        ("passed", counts.passed),
        ("failed", counts.failed),
        ("flaky", counts.flaky),
        ("skipped", counts.skipped),
        ("errored", counts.errored),
        ("quarantined", counts.quarantined),
        ("running", counts.running),
    ];
    for (name, sum) in sums {
        count(&mut text, name, sum);
    }
    text
}

fn end(end: Option<&End>) -> String {
    match end {
        None => String::new(),
        Some(End { outcome, reason, at }) => {
            format!(" ended {} at {}{}", outcome_word(*outcome), wall(*at), reason_text(reason.as_ref()))
        }
    }
}

fn outcome_word(outcome: Outcome) -> String {
    outcome.word().replace(' ', "-")
}

fn wall(at: Wall) -> String {
    format!("{}", (at.unix_ms - 1_700_000_000_000) as f64 / 1e3)
}

fn reason_text(reason: Option<&Reason>) -> String {
    reason.map(|reason| format!(" {}: {}", reason.code.word(), reason.message)).unwrap_or_default()
}

fn try_outcome(outcome: TryOutcome) -> &'static str {
    match outcome {
        TryOutcome::Passed => "passed",
        TryOutcome::Failed => "failed",
        TryOutcome::Skipped => "skipped",
        TryOutcome::Errored => "errored",
    }
}

fn flag(text: &mut String, name: &str, holds: bool) {
    if holds {
        *text += &format!(" {name}");
    }
}

fn count(text: &mut String, name: &str, count: u32) {
    if count > 0 {
        *text += &format!(" {name}={count}");
    }
}

fn shortened(parts: &[String]) -> String {
    match parts {
        [first, .., last] if parts.len() > 12 => format!("{first} … {last} ({})", parts.len()),
        parts => parts.join(" "),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}
