//! What is written for programs while a run goes on.

use muster_common::pipeline::DiagnosticRecord;
use serde::Serialize;

use super::list::{ReasonJson, TestCountsJson};

/// An event, with the moment in which it was written.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) unix_ms: u64,
    #[serde(flatten)]
    pub(super) event: Event<'a>,
}

/// What has happened. Described in `docs/reference/json-events.md`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    RunnerRecognised {
        runner: &'a str,
        evidence: &'a str,
    },
    AgentsStarting {
        agents: u32,
    },
    WorkspaceUploaded {
        files: u64,
        total_bytes: u64,
        sent_bytes: u64,
    },
    Warning {
        message: &'a str,
    },
    RunSubmitted {
        run: u64,
        coordinator: &'a str,
    },
    JobQueued {
        job: u32,
        job_name: &'a str,
        waiting_for: &'a str,
    },
    JobStarted {
        job: u32,
        job_name: &'a str,
        kind: &'static str,
    },
    TestsDiscovered {
        job: u32,
        job_name: &'a str,
        tests: u32,
    },
    TestFinished {
        job: u32,
        job_name: &'a str,
        test: &'a str,
        test_index: u32,
        attempt: u32,
        outcome: &'static str,
        verdict: Option<&'static str>,
        duration_us: u64,
        message: &'a str,
        agent: &'a str,
    },
    JobFinished {
        job: u32,
        job_name: &'a str,
        kind: &'static str,
        outcome: Option<&'static str>,
        reason: Option<ReasonJson<'a>>,
        tests: Option<TestCountsJson>,
    },
    ConnectionLost {},
    ConnectionRestored {},
    RunCancelling {
        run: u64,
    },
    RunFinished {
        run: u64,
        project: &'a str,
        name: &'a str,
        outcome: Option<&'static str>,
        reason: Option<ReasonJson<'a>>,
        discovered: u32,
        passed: u32,
        failed: u32,
        flaky: u32,
        skipped: u32,
        errored: u32,
        without_verdict: u32,
        disagreement: Option<String>,
        elapsed_ms: u64,
        exit_code: u8,
    },
    Error {
        message: String,
        advice: Option<&'a str>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        diagnostics: &'a [DiagnosticRecord],
        exit_code: u8,
    },
}
