//! Messages of the control stream.

use bytes::Bytes;
use muster_common::control::{
    ArtifactMade, Batch, CancelReason, Claim, ClaimAnswer, DealtTest, Discovered, Finished, FromAgent, Heartbeat,
    HeldBatch, HeldLease, Lease, LeaseInput, LeaseWork, NeedResult, Open, Opened, Output, Seal, Stamp, TestResult,
    TestResults, TestStarted, ToAgent, WantBatch, Withdraw, Withdrawn,
};
use muster_common::id::{AgentLife, AgentName, Epoch, SessionId, ShardIndex, TestIndex, Token};
use muster_common::limits;
use muster_proto::v1;
use v1::session_request::Message as Request;
use v1::session_response::Message as Response;

use super::types::{
    attempt_outcome, attempt_outcome_to_proto, digest, digest_to_proto, job, job_to_proto, outcome, outcome_to_proto,
    reason, reason_to_proto, token, token_to_proto, try_outcome, try_outcome_to_proto,
};
use super::{WireError, at_most, required, spec, unknown_enum};

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

/// A coordinator's message for the wire.
#[must_use]
pub fn to_agent_to_proto(stamp: Stamp, message: &ToAgent) -> v1::SessionResponse {
    let message = match message {
        ToAgent::Opened(opened) => Response::Opened(opened_to_proto(opened)),
        ToAgent::Lease(lease) => Response::Lease(lease_to_proto(lease)),
        ToAgent::Batch(batch) => Response::Batch(batch_to_proto(batch)),
        ToAgent::Withdraw(withdraw) => Response::Withdraw(v1::Withdraw {
            batch: Some(token_to_proto(withdraw.batch)),
            tests: indexes_to_proto(&withdraw.tests),
        }),
        ToAgent::Cancel { token, reason } => {
            let why = match reason {
                CancelReason::Cancelled => v1::cancel::Why::Cancelled,
                CancelReason::Timeout => v1::cancel::Why::Timeout,
                CancelReason::Superseded => v1::cancel::Why::Superseded,
            };
            Response::Cancel(v1::Cancel { token: Some(token_to_proto(*token)), why: why.into() })
        }
        ToAgent::Drain => Response::Drain(v1::Drain {}),
        ToAgent::HeartbeatAnswer { number } => Response::HeartbeatAnswer(v1::HeartbeatAnswer { number: *number }),
        ToAgent::Ack { up_to } => Response::Ack(v1::Ack { up_to: *up_to }),
    };
    v1::SessionResponse { store_id: format!("{:032x}", stamp.store_id), epoch: stamp.epoch.0, message: Some(message) }
}

/// A coordinator's message from the wire.
///
/// # Errors
/// If something is missing, unknown, or over a limit.
pub fn to_agent(message: v1::SessionResponse) -> Result<(Stamp, ToAgent), WireError> {
    let store_id = u128::from_str_radix(&message.store_id, 16)
        .map_err(|_| WireError::Invalid { field: "store_id", why: "not a hexadecimal number".to_owned() })?;
    let stamp = Stamp { store_id, epoch: Epoch(message.epoch) };
    let message = match required(message.message, "message")? {
        Response::Opened(message) => ToAgent::Opened(opened(message)?),
        Response::Lease(message) => ToAgent::Lease(Box::new(lease(message)?)),
        Response::Batch(message) => ToAgent::Batch(batch(message)?),
        Response::Withdraw(message) => ToAgent::Withdraw(Withdraw {
            batch: token(message.batch, "withdraw.batch")?,
            tests: indexes(message.tests, "withdraw.tests")?,
        }),
        Response::Cancel(message) => {
            let reason = match message.why() {
                v1::cancel::Why::Unspecified => return unknown_enum("cancel.why"),
                v1::cancel::Why::Cancelled => CancelReason::Cancelled,
                v1::cancel::Why::Timeout => CancelReason::Timeout,
                v1::cancel::Why::Superseded => CancelReason::Superseded,
            };
            ToAgent::Cancel { token: token(message.token, "cancel.token")?, reason }
        }
        Response::Drain(v1::Drain {}) => ToAgent::Drain,
        Response::HeartbeatAnswer(message) => ToAgent::HeartbeatAnswer { number: message.number },
        Response::Ack(message) => ToAgent::Ack { up_to: message.up_to },
    };
    Ok((stamp, message))
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

fn opened_to_proto(opened: &Opened) -> v1::Opened {
    let claim_to_proto = |answer: &ClaimAnswer| {
        let claim = match answer.claim {
            Claim::Keep => v1::claim_answer::Claim::Keep,
            Claim::Stop => v1::claim_answer::Claim::Stop,
        };
        v1::ClaimAnswer { token: Some(token_to_proto(answer.token)), claim: claim.into() }
    };
    v1::Opened {
        session: opened.session.0,
        heartbeat_ms: opened.heartbeat_ms,
        lease_ms: opened.lease_ms,
        lease_unrepeatable_ms: opened.lease_unrepeatable_ms,
        claims: opened.claims.iter().map(claim_to_proto).collect(),
    }
}

fn opened(message: v1::Opened) -> Result<Opened, WireError> {
    let claims = message.claims.into_iter().map(|answer| {
        let claim = match answer.claim() {
            v1::claim_answer::Claim::Unspecified => return unknown_enum("opened.claims.claim"),
            v1::claim_answer::Claim::Keep => Claim::Keep,
            v1::claim_answer::Claim::Stop => Claim::Stop,
        };
        Ok(ClaimAnswer { token: token(answer.token, "opened.claims.token")?, claim })
    });
    Ok(Opened {
        session: SessionId(message.session),
        heartbeat_ms: message.heartbeat_ms,
        lease_ms: message.lease_ms,
        lease_unrepeatable_ms: message.lease_unrepeatable_ms,
        claims: claims.collect::<Result<_, _>>()?,
    })
}

fn lease_to_proto(lease: &Lease) -> v1::Lease {
    use v1::lease::Work;
    v1::Lease {
        token: Some(token_to_proto(lease.token)),
        job: Some(job_to_proto(lease.job)),
        project: lease.project.clone(),
        job_name: lease.job_name.clone(),
        attempt: lease.attempt,
        shard: lease.shard.map(|shard| shard.0),
        work: Some(match &lease.work {
            LeaseWork::Steps(steps) => Work::Steps(spec::steps_to_proto(steps)),
            LeaseWork::TestBuild(test) => Work::TestBuild(spec::test_to_proto(test)),
            LeaseWork::Discover(test) => Work::Discover(spec::test_to_proto(test)),
            LeaseWork::Shard(test) => Work::RunTests(spec::test_to_proto(test)),
        }),
        env: lease.env.clone(),
        workspace: lease.workspace.as_ref().map(digest_to_proto),
        inputs: lease.inputs.iter().map(lease_input_to_proto).collect(),
        artifacts: lease.artifacts.iter().map(spec::artifact_to_proto).collect(),
        outputs: lease.outputs.clone(),
        needs: lease.needs.iter().map(|(group, result)| (group.clone(), need_to_proto(result))).collect(),
        timeout_ms: lease.timeout_ms,
        is_repeatable: lease.is_repeatable,
    }
}

fn lease(message: v1::Lease) -> Result<Lease, WireError> {
    use v1::lease::Work;
    let work = match required(message.work, "lease.work")? {
        Work::Steps(steps) => LeaseWork::Steps(spec::steps(steps)?),
        Work::TestBuild(test) => LeaseWork::TestBuild(spec::test(test)?),
        Work::Discover(test) => LeaseWork::Discover(spec::test(test)?),
        Work::RunTests(test) => LeaseWork::Shard(spec::test(test)?),
    };
    let needs = message.needs.into_iter().map(|(group, result)| Ok((group, need(result)?)));
    Ok(Lease {
        token: token(message.token, "lease.token")?,
        job: job(message.job, "lease.job")?,
        project: message.project,
        job_name: message.job_name,
        attempt: message.attempt,
        shard: message.shard.map(ShardIndex),
        work,
        env: message.env,
        workspace: message.workspace.as_ref().map(|root| digest(root, "lease.workspace")).transpose()?,
        inputs: message.inputs.into_iter().map(lease_input).collect::<Result<_, _>>()?,
        artifacts: message.artifacts.into_iter().map(spec::artifact).collect(),
        outputs: message.outputs,
        needs: needs.collect::<Result<_, WireError>>()?,
        timeout_ms: message.timeout_ms,
        is_repeatable: message.is_repeatable,
    })
}

fn lease_input_to_proto(input: &LeaseInput) -> v1::LeaseInput {
    v1::LeaseInput {
        artifact: input.artifact.clone(),
        root: Some(digest_to_proto(&input.root)),
        path: input.path.clone(),
    }
}

fn lease_input(message: v1::LeaseInput) -> Result<LeaseInput, WireError> {
    let root = required(message.root, "lease.inputs.root")?;
    Ok(LeaseInput { artifact: message.artifact, root: digest(&root, "lease.inputs.root")?, path: message.path })
}

fn need_to_proto(result: &NeedResult) -> v1::NeedResult {
    v1::NeedResult { outcome: outcome_to_proto(result.outcome).into(), outputs: result.outputs.clone() }
}

fn need(message: v1::NeedResult) -> Result<NeedResult, WireError> {
    let Some(outcome) = outcome(message.outcome) else { return unknown_enum("lease.needs.outcome") };
    Ok(NeedResult { outcome, outputs: message.outputs })
}

fn batch_to_proto(batch: &Batch) -> v1::Batch {
    let test_to_proto =
        |test: &DealtTest| v1::DealtTest { test: test.test.0, name: test.name.clone(), attempt: test.attempt };
    v1::Batch {
        token: Some(token_to_proto(batch.token)),
        shard: Some(token_to_proto(batch.shard)),
        tests: batch.tests.iter().map(test_to_proto).collect(),
        is_last: batch.is_last,
    }
}

fn batch(message: v1::Batch) -> Result<Batch, WireError> {
    at_most(message.tests.len(), limits::TESTS_PER_MESSAGE_MAX, "batch.tests")?;
    let tests = message.tests.into_iter();
    Ok(Batch {
        token: token(message.token, "batch.token")?,
        shard: token(message.shard, "batch.shard")?,
        tests: tests
            .map(|test| DealtTest { test: TestIndex(test.test), name: test.name, attempt: test.attempt })
            .collect(),
        is_last: message.is_last,
    })
}

fn tokens_to_proto(tokens: &[Token]) -> Vec<v1::FencingToken> {
    tokens.iter().copied().map(token_to_proto).collect()
}

fn tokens(messages: Vec<v1::FencingToken>, field: &'static str) -> Result<Vec<Token>, WireError> {
    at_most(messages.len(), limits::CLAIMS_PER_OPEN_MAX, field)?;
    messages.into_iter().map(|message| token(Some(message), field)).collect()
}

fn indexes_to_proto(tests: &[TestIndex]) -> Vec<u32> {
    tests.iter().map(|test| test.0).collect()
}

fn indexes(tests: Vec<u32>, field: &'static str) -> Result<Vec<TestIndex>, WireError> {
    at_most(tests.len(), limits::TESTS_PER_MESSAGE_MAX, field)?;
    Ok(tests.into_iter().map(TestIndex).collect())
}
