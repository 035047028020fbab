//! What the coordinator says.

use muster_common::control::{
    Batch, CancelReason, Claim, ClaimAnswer, DealtTest, Lease, LeaseInput, LeaseWork, NeedResult, Opened, Stamp,
    ToAgent, Withdraw,
};
use muster_common::id::{Epoch, SessionId, ShardIndex, TestIndex};
use muster_common::limits;
use muster_proto::v1;
use v1::session_response::Message as Response;

use super::{indexes, indexes_to_proto};
use crate::wire::types::{
    digest, digest_to_proto, job, job_to_proto, outcome, outcome_to_proto, token, token_to_proto,
};
use crate::wire::{WireError, at_most, required, spec, unknown_enum};

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
