//! Rows of what is remembered of tests.

use muster_common::id::{AgentName, RunId};
use muster_proto::store::v1 as stored;
use muster_scheduler::{
    AgentHealthRow, Fence, JudgedRun, MemorySuiteRow, MemoryTestRow, Quarantine, RecentOutcome, RememberedOutcome,
    RunKind,
};
use muster_service::wire::WireError;

use super::field::wall;

pub(super) fn memory_suite_to_proto(row: &MemorySuiteRow) -> stored::MemorySuite {
    stored::MemorySuite {
        suite: row.suite,
        project: row.project.clone(),
        job: row.job.clone(),
        last_seen_unix_ms: row.last_seen.unix_ms,
        runs: row.runs.iter().map(judged_to_proto).collect(),
    }
}

pub(super) fn memory_suite(message: stored::MemorySuite) -> Result<MemorySuiteRow, WireError> {
    Ok(MemorySuiteRow {
        suite: message.suite,
        project: message.project,
        job: message.job,
        last_seen: wall(message.last_seen_unix_ms),
        runs: message.runs.into_iter().map(judged).collect::<Result<_, _>>()?,
    })
}

fn judged_to_proto(judged: &JudgedRun) -> stored::JudgedRun {
    let kind = match judged.kind {
        RunKind::Telling => stored::RunKind::Telling,
        RunKind::Outage => stored::RunKind::Outage,
        RunKind::ManyFailed => stored::RunKind::ManyFailed,
    };
    stored::JudgedRun { run: judged.run, kind: kind.into() }
}

fn judged(message: stored::JudgedRun) -> Result<JudgedRun, WireError> {
    let kind = match message.kind() {
        stored::RunKind::Telling => RunKind::Telling,
        stored::RunKind::Outage => RunKind::Outage,
        stored::RunKind::ManyFailed => RunKind::ManyFailed,
        stored::RunKind::Unspecified => return Err(WireError::Missing { field: "runs.kind" }),
    };
    Ok(JudgedRun { run: message.run, kind })
}

pub(super) fn agent_health_to_proto(row: &AgentHealthRow) -> stored::AgentHealth {
    let fence = row.fence.as_ref();
    stored::AgentHealth {
        number: row.number,
        agent: row.agent.0.clone(),
        tries: row.tries,
        surprises: row.surprises,
        tests: row.tests.clone(),
        last_seen_unix_ms: row.last_seen.unix_ms,
        discredited_until: row.discredited_until,
        fence: fence.map(|fence| stored::Fence { reason: fence.reason.clone(), since_unix_ms: fence.since.unix_ms }),
    }
}

pub(super) fn agent_health(message: stored::AgentHealth) -> AgentHealthRow {
    AgentHealthRow {
        number: message.number,
        agent: AgentName(message.agent),
        tries: message.tries,
        surprises: message.surprises,
        tests: message.tests,
        last_seen: wall(message.last_seen_unix_ms),
        discredited_until: message.discredited_until,
        fence: message.fence.map(|fence| Fence { reason: fence.reason, since: wall(fence.since_unix_ms) }),
    }
}

fn quarantine_to_proto(quarantine: &Quarantine) -> stored::Quarantine {
    stored::Quarantine {
        owner: quarantine.owner.clone(),
        reason: quarantine.reason.clone(),
        since_unix_ms: quarantine.since.unix_ms,
        until_unix_ms: quarantine.until.unix_ms,
        is_automatic: quarantine.is_automatic,
        from_sighting: quarantine.from_sighting,
    }
}

fn quarantine(message: stored::Quarantine) -> Quarantine {
    Quarantine {
        owner: message.owner,
        reason: message.reason,
        since: wall(message.since_unix_ms),
        until: wall(message.until_unix_ms),
        is_automatic: message.is_automatic,
        from_sighting: message.from_sighting,
    }
}

pub(super) fn memory_test_to_proto(row: &MemoryTestRow) -> stored::MemoryTest {
    stored::MemoryTest {
        suite: row.suite,
        place: row.place,
        name: row.name.clone(),
        mean_us: row.mean_us,
        high_us: row.high_us,
        passed: row.passed,
        failed: row.failed,
        flaky: row.flaky,
        first_seen_unix_ms: row.first_seen.unix_ms,
        last_seen_unix_ms: row.last_seen.unix_ms,
        last_run: row.last_run.0,
        recent: row.recent.iter().map(recent_to_proto).collect(),
        shift: row.shift,
        alarm_run: row.alarm_run,
        quarantine: row.quarantine.as_deref().map(quarantine_to_proto),
    }
}

pub(super) fn memory_test(message: stored::MemoryTest) -> Result<MemoryTestRow, WireError> {
    Ok(MemoryTestRow {
        suite: message.suite,
        place: message.place,
        name: message.name,
        mean_us: message.mean_us,
        high_us: message.high_us,
        passed: message.passed,
        failed: message.failed,
        flaky: message.flaky,
        first_seen: wall(message.first_seen_unix_ms),
        last_seen: wall(message.last_seen_unix_ms),
        last_run: RunId(message.last_run),
        recent: message.recent.into_iter().map(recent).collect::<Result<_, _>>()?,
        shift: message.shift,
        alarm_run: message.alarm_run,
        quarantine: message.quarantine.map(|message| Box::new(quarantine(message))),
    })
}

fn recent_to_proto(recent: &RecentOutcome) -> stored::RecentOutcome {
    let outcome = match recent.outcome {
        RememberedOutcome::Passed => stored::RememberedOutcome::Passed,
        RememberedOutcome::Failed => stored::RememberedOutcome::Failed,
        RememberedOutcome::Flaky => stored::RememberedOutcome::Flaky,
        RememberedOutcome::FailedInCompany => stored::RememberedOutcome::FailedInCompany,
    };
    stored::RecentOutcome {
        run: recent.run,
        agent: recent.agent,
        content: recent.content,
        outcome: outcome.into(),
        sighting: recent.sighting,
        tries: recent.tries.into(),
    }
}

fn recent(message: stored::RecentOutcome) -> Result<RecentOutcome, WireError> {
    let outcome = match message.outcome() {
        stored::RememberedOutcome::Passed => RememberedOutcome::Passed,
        stored::RememberedOutcome::Failed => RememberedOutcome::Failed,
        stored::RememberedOutcome::Flaky => RememberedOutcome::Flaky,
        stored::RememberedOutcome::FailedInCompany => RememberedOutcome::FailedInCompany,
        stored::RememberedOutcome::Unspecified => return Err(WireError::Missing { field: "recent.outcome" }),
    };
    let (sighting, tries) = (message.sighting, u8::try_from(message.tries).unwrap_or(u8::MAX));
    Ok(RecentOutcome { run: message.run, agent: message.agent, content: message.content, outcome, sighting, tries })
}
