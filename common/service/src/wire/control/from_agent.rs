//! What agents say.

use bytes::Bytes;
use muster_common::control::{
    ArtifactMade, Discovered, Finished, FromAgent, Heartbeat, HeldBatch, HeldLease, Open, Output, Seal, TestResult,
    TestResults, TestStarted, WantBatch, Withdrawn,
};
use muster_common::id::{AgentLife, AgentName, TestIndex};
use muster_common::limits;
use muster_proto::v1;
use v1::session_request::Message as Request;

use super::{indexes, indexes_to_proto, tokens, tokens_to_proto};
use crate::wire::types::{
    attempt_outcome, attempt_outcome_to_proto, digest, digest_to_proto, reason, reason_to_proto, token, token_to_proto,
    try_outcome, try_outcome_to_proto,
};
use crate::wire::{WireError, at_most, required, unknown_enum};

/// An agent's message for the wire. An output that is already stored cannot be sent and reads as none.
#[must_use]
pub fn from_agent_to_proto(sequence: u64, message: &FromAgent) -> v1::SessionRequest {
    let message = match message {
        FromAgent::Open(open) => Request::Open(open_to_proto(open)),
        FromAgent::Heartbeat(beat) => {
            Request::Heartbeat(v1::Heartbeat { number: beat.number, alive: tokens_to_proto(&beat.alive) })
        }
        FromAgent::Accepted(token) => Request::Accepted(v1::Accepted { token: Some(token_to_proto(*token)) }),
        FromAgent::Refused { token, reason } => {
            Request::Refused(v1::Refused { token: Some(token_to_proto(*token)), reason: Some(reason_to_proto(reason)) })
        }
        FromAgent::Started(token) => Request::Started(v1::Started { token: Some(token_to_proto(*token)) }),
        FromAgent::Discovered(part) => Request::Discovered(v1::Discovered {
            token: Some(token_to_proto(part.token)),
            first: part.first.0,
            tests: part.tests.clone(),
        }),
        FromAgent::TestStarted(started) => Request::TestStarted(v1::TestStarted {
            batch: Some(token_to_proto(started.batch)),
            tests: indexes_to_proto(&started.tests),
        }),
        FromAgent::TestResults(results) => Request::TestResults(v1::TestResults {
            batch: Some(token_to_proto(results.batch)),
            results: results.results.iter().map(result_to_proto).collect(),
        }),
        FromAgent::WantBatch(want) => Request::WantBatch(v1::WantBatch {
            shard: Some(token_to_proto(want.shard)),
            start_cost_us: want.start_cost_us,
        }),
        FromAgent::Withdrawn(withdrawn) => Request::Withdrawn(v1::Withdrawn {
            batch: Some(token_to_proto(withdrawn.batch)),
            given_up: indexes_to_proto(&withdrawn.given_up),
            started: indexes_to_proto(&withdrawn.started),
        }),
        FromAgent::Finished(finished) => Request::Finished(finished_to_proto(finished)),
        FromAgent::Draining => Request::Draining(v1::Draining {}),
    };
    v1::SessionRequest { sequence, message: Some(message) }
}

/// An agent's message from the wire, with its number in the agent's spool.
///
/// # Errors
/// If something is missing, unknown, or over a limit.
pub fn from_agent(message: v1::SessionRequest) -> Result<(u64, FromAgent), WireError> {
    let sequence = message.sequence;
    let message = match required(message.message, "message")? {
        Request::Open(message) => FromAgent::Open(open(message)?),
        Request::Heartbeat(message) => {
            FromAgent::Heartbeat(Heartbeat { number: message.number, alive: tokens(message.alive, "heartbeat.alive")? })
        }
        Request::Accepted(message) => FromAgent::Accepted(token(message.token, "accepted.token")?),
        Request::Refused(message) => FromAgent::Refused {
            token: token(message.token, "refused.token")?,
            reason: reason(required(message.reason, "refused.reason")?),
        },
        Request::Started(message) => FromAgent::Started(token(message.token, "started.token")?),
        Request::Discovered(message) => FromAgent::Discovered(discovered(message)?),
        Request::TestStarted(message) => FromAgent::TestStarted(TestStarted {
            batch: token(message.batch, "test_started.batch")?,
            tests: indexes(message.tests, "test_started.tests")?,
        }),
        Request::TestResults(message) => FromAgent::TestResults(results(message)?),
        Request::WantBatch(message) => FromAgent::WantBatch(WantBatch {
            shard: token(message.shard, "want_batch.shard")?,
            start_cost_us: message.start_cost_us,
        }),
        Request::Withdrawn(message) => FromAgent::Withdrawn(Withdrawn {
            batch: token(message.batch, "withdrawn.batch")?,
            given_up: indexes(message.given_up, "withdrawn.given_up")?,
            started: indexes(message.started, "withdrawn.started")?,
        }),
        Request::Finished(message) => FromAgent::Finished(finished(message)?),
        Request::Draining(v1::Draining {}) => FromAgent::Draining,
    };
    Ok((sequence, message))
}

fn open_to_proto(open: &Open) -> v1::Open {
    v1::Open {
        agent: open.agent.0.clone(),
        life: open.life.0,
        number: open.number,
        labels: open.labels.clone(),
        slots: open.slots,
        version: open.version.clone(),
        features: open.features.clone(),
        held: open.held.iter().map(held_to_proto).collect(),
        is_draining: open.is_draining,
    }
}

fn open(message: v1::Open) -> Result<Open, WireError> {
    at_most(message.agent.len(), limits::AGENT_NAME_BYTES_MAX, "open.agent")?;
    if message.agent.is_empty() {
        return Err(WireError::Missing { field: "open.agent" });
    }
    at_most(message.labels.len(), limits::LABELS_PER_AGENT_MAX, "open.labels")?;
    for (key, value) in &message.labels {
        at_most(key.len() + value.len(), limits::LABEL_BYTES_MAX, "open.labels")?;
    }
    at_most(message.slots as usize, limits::SLOTS_PER_AGENT_MAX as usize, "open.slots")?;
    if message.slots == 0 {
        return Err(WireError::Missing { field: "open.slots" });
    }
    at_most(message.held.len(), limits::CLAIMS_PER_OPEN_MAX, "open.held")?;
    at_most(message.version.len(), limits::NAME_BYTES_MAX, "open.version")?;
    at_most(message.features.len(), limits::LABELS_PER_AGENT_MAX, "open.features")?;
    Ok(Open {
        agent: AgentName(message.agent),
        life: AgentLife(message.life),
        number: message.number,
        labels: message.labels,
        slots: message.slots,
        version: message.version,
        features: message.features,
        held: message.held.into_iter().map(held).collect::<Result<_, _>>()?,
        is_draining: message.is_draining,
    })
}

fn held_to_proto(held: &HeldLease) -> v1::HeldLease {
    v1::HeldLease {
        token: Some(token_to_proto(held.token)),
        is_started: held.is_started,
        is_finished: held.is_finished,
        wants_batch: held.wants_batch,
        batches: held.batches.iter().map(|batch| token_to_proto(batch.token)).collect(),
    }
}

fn held(message: v1::HeldLease) -> Result<HeldLease, WireError> {
    let batches = tokens(message.batches, "open.held.batches")?;
    Ok(HeldLease {
        token: token(message.token, "open.held.token")?,
        is_started: message.is_started,
        is_finished: message.is_finished,
        wants_batch: message.wants_batch,
        batches: batches.into_iter().map(|token| HeldBatch { token }).collect(),
    })
}

fn discovered(message: v1::Discovered) -> Result<Discovered, WireError> {
    at_most(message.tests.len(), limits::TESTS_PER_MESSAGE_MAX, "discovered.tests")?;
    for name in &message.tests {
        at_most(name.len(), limits::TEST_NAME_BYTES_MAX, "discovered.tests")?;
    }
    Ok(Discovered {
        token: token(message.token, "discovered.token")?,
        first: TestIndex(message.first),
        tests: message.tests,
    })
}

fn results(message: v1::TestResults) -> Result<TestResults, WireError> {
    at_most(message.results.len(), limits::TESTS_PER_MESSAGE_MAX, "test_results.results")?;
    Ok(TestResults {
        batch: token(message.batch, "test_results.batch")?,
        results: message.results.into_iter().map(result).collect::<Result<_, _>>()?,
    })
}

fn result_to_proto(result: &TestResult) -> v1::TestResult {
    let output = match &result.output {
        Output::Inline(bytes) => Bytes::copy_from_slice(bytes),
        Output::None | Output::Stored(_) => Bytes::new(),
    };
    v1::TestResult {
        test: result.test.0,
        outcome: try_outcome_to_proto(result.outcome).into(),
        duration_us: result.duration_us,
        message: result.message.clone(),
        output,
    }
}

fn result(message: v1::TestResult) -> Result<TestResult, WireError> {
    at_most(message.message.len(), limits::TEST_MESSAGE_BYTES_MAX, "test_results.results.message")?;
    at_most(message.output.len(), limits::TEST_OUTPUT_BYTES_MAX, "test_results.results.output")?;
    let Some(outcome) = try_outcome(message.outcome) else { return unknown_enum("test_results.results.outcome") };
    Ok(TestResult {
        test: TestIndex(message.test),
        outcome,
        duration_us: message.duration_us,
        message: message.message,
        output: if message.output.is_empty() { Output::None } else { Output::Inline(message.output.into()) },
    })
}

fn finished_to_proto(finished: &Finished) -> v1::Finished {
    v1::Finished {
        token: Some(token_to_proto(finished.token)),
        outcome: Some(attempt_outcome_to_proto(&finished.outcome)),
        log_bytes: finished.log_bytes,
        is_log_complete: finished.is_log_complete,
        artifacts: finished
            .artifacts
            .iter()
            .map(|made| v1::ArtifactMade { name: made.name.clone(), root: Some(digest_to_proto(&made.root)) })
            .collect(),
        outputs: finished.outputs.clone(),
        seal: finished.seal.map(|seal| v1::Seal { count: seal.count, sha256: Bytes::copy_from_slice(&seal.sha256) }),
    }
}

fn finished(message: v1::Finished) -> Result<Finished, WireError> {
    at_most(message.artifacts.len(), limits::ARTIFACTS_PER_JOB_MAX, "finished.artifacts")?;
    let outputs_bytes = message.outputs.iter().map(|(key, value)| key.len() + value.len()).sum();
    at_most(outputs_bytes, limits::OUTPUTS_BYTES_MAX, "finished.outputs")?;
    Ok(Finished {
        token: token(message.token, "finished.token")?,
        outcome: attempt_outcome(message.outcome)?,
        log_bytes: message.log_bytes,
        is_log_complete: message.is_log_complete,
        artifacts: message.artifacts.into_iter().map(artifact_made).collect::<Result<_, _>>()?,
        outputs: message.outputs,
        seal: message.seal.map(seal).transpose()?,
    })
}

fn artifact_made(message: v1::ArtifactMade) -> Result<ArtifactMade, WireError> {
    let root = required(message.root, "finished.artifacts.root")?;
    Ok(ArtifactMade { name: message.name, root: digest(&root, "finished.artifacts.root")? })
}

fn seal(message: v1::Seal) -> Result<Seal, WireError> {
    let sha256 = <[u8; 32]>::try_from(message.sha256.as_ref())
        .map_err(|_| WireError::Invalid { field: "finished.seal.sha256", why: "not 32 bytes".to_owned() })?;
    Ok(Seal { count: message.count, sha256 })
}
