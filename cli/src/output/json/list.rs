//! Runs and agents as programs read them in lists.

use std::collections::BTreeMap;

use muster_proto::v1;
use serde::Serialize;

use super::words::{agent_word, outcome_word, state_word};

/// A run as `muster runs --json` lists it.
#[derive(Debug, Serialize)]
pub(crate) struct RunJson<'a> {
    run: u64,
    project: &'a str,
    name: &'a str,
    state: &'static str,
    outcome: Option<&'static str>,
    reason: Option<ReasonJson<'a>>,
    submitted_unix_ms: u64,
    started_unix_ms: Option<u64>,
    finished_unix_ms: Option<u64>,
    tests: TestCountsJson,
    is_cancel_requested: bool,
}

/// An agent as `muster agents --json` lists it.
#[derive(Debug, Serialize)]
pub(crate) struct AgentJson<'a> {
    name: &'a str,
    state: &'static str,
    slots: u32,
    busy_slots: u32,
    labels: &'a BTreeMap<String, String>,
    version: &'a str,
    connected_unix_ms: u64,
    /// Why it is fenced off.
    #[serde(skip_serializing_if = "Option::is_none")]
    fence_reason: Option<&'a str>,
}

/// Why something ended as it did.
#[derive(Debug, Serialize)]
pub(super) struct ReasonJson<'a> {
    code: &'a str,
    message: &'a str,
}

/// How many tests ended how.
#[derive(Debug, Serialize)]
pub(super) struct TestCountsJson {
    discovered: u32,
    passed: u32,
    failed: u32,
    flaky: u32,
    skipped: u32,
    errored: u32,
}

impl<'a> RunJson<'a> {
    /// Of a run.
    pub(crate) fn of(run: &'a v1::Run) -> Self {
        Self {
            run: run.run,
            project: &run.project,
            name: &run.name,
            state: state_word(run.state()),
            outcome: outcome_word(run.outcome()),
            reason: run.reason.as_ref().map(ReasonJson::of),
            submitted_unix_ms: run.submitted_unix_ms,
            started_unix_ms: run.started_unix_ms,
            finished_unix_ms: run.finished_unix_ms,
            tests: TestCountsJson::of(run.tests.unwrap_or_default()),
            is_cancel_requested: run.is_cancel_requested,
        }
    }
}

impl<'a> AgentJson<'a> {
    /// Of an agent.
    pub(crate) fn of(agent: &'a v1::Agent) -> Self {
        Self {
            name: &agent.name,
            state: agent_word(agent.state()),
            slots: agent.slots,
            busy_slots: agent.busy_slots,
            labels: &agent.labels,
            version: &agent.version,
            connected_unix_ms: agent.connected_unix_ms,
            fence_reason: Some(agent.fence_reason.as_str()).filter(|reason| !reason.is_empty()),
        }
    }
}

impl<'a> ReasonJson<'a> {
    /// Of a reason.
    pub(super) fn of(reason: &'a v1::Reason) -> Self {
        Self { code: &reason.code, message: &reason.message }
    }
}

impl TestCountsJson {
    /// Of counts.
    pub(super) fn of(counts: v1::TestCounts) -> Self {
        Self {
            discovered: counts.discovered,
            passed: counts.passed,
            failed: counts.failed,
            flaky: counts.flaky,
            skipped: counts.skipped,
            errored: counts.errored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::documented::is_documented;
    use super::*;
    use crate::report::samples::report;

    #[test]
    fn a_listed_run_and_agent_have_their_published_fields() {
        let run = report(v1::Outcome::Passed, vec![], vec![]).run;
        let mut agent = v1::Agent { name: "a".to_owned(), slots: 2, ..v1::Agent::default() };
        agent.set_state(v1::AgentState::Connected);
        agent.labels.insert("os".to_owned(), "linux".to_owned());
        let listed = serde_json::json!([[RunJson::of(&run)], [AgentJson::of(&agent)]]);
        is_documented(&listed[0][0]);
        is_documented(&listed[1][0]);
        insta::assert_snapshot!(format!("{listed:#}"));
    }
}
