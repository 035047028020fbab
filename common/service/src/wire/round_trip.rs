//! Every kind of message comes back from the wire as it went.

use std::collections::BTreeMap;

use muster_common::control::{
    ArtifactMade, Batch, CancelReason, Claim, ClaimAnswer, DealtTest, Discovered, Finished, FromAgent, Heartbeat,
    HeldBatch, HeldLease, Lease, LeaseInput, LeaseWork, NeedResult, Open, Opened, Output, Seal, Stamp, TestResult,
    TestResults, TestStarted, ToAgent, WantBatch, Withdraw, Withdrawn,
};
use muster_common::digest::Digest;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentLife, AgentName, Epoch, JobId, JobIndex, RunId, SessionId, ShardIndex, TestIndex, Token};
use muster_common::limits;
use muster_common::outcome::{AttemptOutcome, Outcome, TryOutcome};
use muster_common::requirement::Requirement;
use muster_common::spec::{
    ArtifactInput, ArtifactSpec, JobSpec, ResultFormat, RunSpec, Runner, Shell, StepSpec, StressSpec, TestGroup,
    TestScope, TestSpec, Work,
};

use super::{control, spec};

#[test]
fn every_message_of_an_agent_comes_back() {
    for message in from_agent_samples() {
        let wire = control::from_agent_to_proto(7, &message);
        assert_eq!(control::from_agent(wire), Ok((7, message)));
    }
}

#[test]
fn every_message_to_an_agent_comes_back() {
    let stamp = Stamp { store_id: 0xfeed << 100, epoch: Epoch(3) };
    for message in to_agent_samples() {
        let wire = control::to_agent_to_proto(stamp, &message);
        assert_eq!(control::to_agent(wire), Ok((stamp, message)));
    }
}

#[test]
fn a_specification_comes_back() {
    let spec = run_spec();
    assert_eq!(spec::from_proto(spec::to_proto(&spec)), Ok(spec));
}

#[test]
fn what_is_over_a_limit_or_missing_is_refused() {
    let mut open = open();
    open.slots = 0;
    assert!(control::from_agent(control::from_agent_to_proto(0, &FromAgent::Open(open))).is_err());
    let too_many = TestStarted { batch: token(1), tests: vec![TestIndex(0); limits::TESTS_PER_MESSAGE_MAX + 1] };
    assert!(control::from_agent(control::from_agent_to_proto(0, &FromAgent::TestStarted(too_many))).is_err());
    assert!(control::from_agent(muster_proto::v1::SessionRequest::default()).is_err());
    assert!(control::to_agent(muster_proto::v1::SessionResponse::default()).is_err());
}

fn from_agent_samples() -> Vec<FromAgent> {
    let result = |outcome, output| TestResult {
        test: TestIndex(9),
        outcome,
        duration_us: 12,
        message: "assertion failed".to_owned(),
        output,
    };
    let results = vec![
        result(TryOutcome::Passed, Output::None),
        result(TryOutcome::Failed, Output::Inline(vec![0, 255])),
        result(TryOutcome::Skipped, Output::None),
        result(TryOutcome::Errored, Output::None),
    ];
    let mut samples = vec![
        FromAgent::Open(open()),
        FromAgent::Heartbeat(Heartbeat { number: 4, alive: vec![token(1), token(2)] }),
        FromAgent::Accepted(token(1)),
        FromAgent::Refused { token: token(1), reason: reason() },
        FromAgent::Started(token(1)),
        FromAgent::Discovered(Discovered { token: token(1), first: TestIndex(3), tests: vec!["a b".to_owned()] }),
        FromAgent::TestStarted(TestStarted { batch: token(2), tests: vec![TestIndex(1)] }),
        FromAgent::TestResults(TestResults { batch: token(2), results }),
        FromAgent::WantBatch(WantBatch { shard: token(1), start_cost_us: 5 }),
        FromAgent::Withdrawn(Withdrawn { batch: token(2), given_up: vec![TestIndex(1)], started: vec![TestIndex(2)] }),
        FromAgent::Draining,
    ];
    let outcomes = [
        AttemptOutcome::Passed,
        AttemptOutcome::Failed { reason: reason() },
        AttemptOutcome::Errored { reason: reason() },
        AttemptOutcome::TimedOut,
        AttemptOutcome::Cancelled,
    ];
    samples.extend(outcomes.map(|outcome| {
        FromAgent::Finished(Finished {
            token: token(1),
            outcome,
            log_bytes: 10,
            is_log_complete: true,
            artifacts: vec![ArtifactMade { name: "dist".to_owned(), root: digest() }],
            outputs: text_map(),
            seal: Some(Seal { count: 2, sha256: [4; 32] }),
        })
    }));
    samples
}

fn to_agent_samples() -> Vec<ToAgent> {
    let works = [
        LeaseWork::Steps(vec![step()]),
        LeaseWork::TestBuild(test_spec(Runner::CargoTest { args: vec![] })),
        LeaseWork::Discover(test_spec(Runner::Pytest { args: vec!["-x".to_owned()] })),
        LeaseWork::Shard(test_spec(Runner::CargoNextest { args: vec![] })),
    ];
    let mut samples: Vec<ToAgent> = works.into_iter().map(|work| ToAgent::Lease(Box::new(lease(work)))).collect();
    samples.extend([
        ToAgent::Opened(Opened {
            session: SessionId(5),
            heartbeat_ms: 1_500,
            lease_ms: 5_000,
            lease_unrepeatable_ms: 300_000,
            claims: vec![
                ClaimAnswer { token: token(1), claim: Claim::Keep },
                ClaimAnswer { token: token(2), claim: Claim::Stop },
            ],
        }),
        ToAgent::Batch(Batch {
            token: token(2),
            shard: token(1),
            tests: vec![DealtTest { test: TestIndex(0), name: "t[é]".to_owned(), attempt: 2 }],
            is_last: true,
        }),
        ToAgent::Withdraw(Withdraw { batch: token(2), tests: vec![TestIndex(0)] }),
        ToAgent::Drain,
        ToAgent::HeartbeatAnswer { number: 4 },
        ToAgent::Ack { up_to: 17 },
    ]);
    let reasons = [CancelReason::Cancelled, CancelReason::Timeout, CancelReason::Superseded];
    samples.extend(reasons.map(|reason| ToAgent::Cancel { token: token(1), reason }));
    samples
}

fn run_spec() -> RunSpec {
    let works = [
        Work::Steps(vec![step()]),
        Work::TestBuild(test_spec(Runner::CargoNextest { args: vec!["--release".to_owned()] })),
        Work::Tests(test_spec(Runner::Generic {
            list: "ls".to_owned(),
            run: "run {tests_file}".to_owned(),
            results: vec!["*.xml".to_owned()],
            format: ResultFormat::Tap,
        })),
    ];
    let plain = Runner::NAMES.iter().filter_map(|name| Runner::named(name, vec!["-x".to_owned()]));
    let works = works.into_iter().chain(plain.map(|runner| Work::Tests(test_spec(runner))));
    let jobs = works.into_iter().enumerate().map(|(number, work)| JobSpec {
        name: format!("job {number}"),
        group: "job".to_owned(),
        needs: vec!["other".to_owned()],
        condition: Some("always()".to_owned()),
        requirements: vec![Requirement("os=linux".to_owned())],
        env: text_map(),
        timeout_ms: 1,
        queue_timeout_ms: 2,
        is_repeatable: true,
        may_fail: true,
        work,
        inputs: vec![ArtifactInput {
            job: "other".to_owned(),
            artifact: "dist".to_owned(),
            path: Some("in".to_owned()),
        }],
        artifacts: vec![ArtifactSpec { name: "dist".to_owned(), paths: vec!["out/**".to_owned()] }],
        outputs: text_map(),
    });
    RunSpec {
        project: "p".to_owned(),
        name: "n".to_owned(),
        workspace: Some(digest()),
        env: text_map(),
        jobs: jobs.collect(),
        only: [("job".to_owned(), vec!["a".to_owned(), "b c".to_owned()])].into(),
        stress: Some(StressSpec { times: 10, changed: vec!["tests/a".to_owned()] }),
    }
}

fn lease(work: LeaseWork) -> Lease {
    Lease {
        token: token(1),
        job: JobId { run: RunId(42), job: JobIndex(3) },
        project: "p".to_owned(),
        job_name: "unit (1)".to_owned(),
        attempt: 2,
        shard: Some(ShardIndex(0)),
        work,
        env: text_map(),
        workspace: Some(digest()),
        inputs: vec![LeaseInput { artifact: "dist".to_owned(), root: digest(), path: None }],
        artifacts: vec![ArtifactSpec { name: "dist".to_owned(), paths: vec!["out".to_owned()] }],
        outputs: text_map(),
        needs: [("build".to_owned(), NeedResult { outcome: Outcome::Passed, outputs: text_map() })].into(),
        timeout_ms: 1_000,
        is_repeatable: false,
    }
}

fn open() -> Open {
    Open {
        agent: AgentName("agent-1".to_owned()),
        life: AgentLife(u64::MAX),
        number: 3,
        labels: text_map(),
        slots: 2,
        version: "0.1.0".to_owned(),
        features: vec!["x".to_owned()],
        held: vec![HeldLease {
            token: token(1),
            is_started: true,
            is_finished: true,
            wants_batch: true,
            batches: vec![HeldBatch { token: token(2) }],
        }],
        is_draining: true,
    }
}

fn step() -> StepSpec {
    StepSpec {
        id: Some("s".to_owned()),
        name: "a step".to_owned(),
        condition: Some("failure()".to_owned()),
        run: "echo ${{ needs.x.outputs.y }}".to_owned(),
        shell: Shell::Sh,
        env: text_map(),
        working_directory: Some("sub".to_owned()),
        timeout_ms: Some(5),
        may_fail: true,
    }
}

fn test_spec(runner: Runner) -> TestSpec {
    TestSpec {
        runner,
        working_directory: None,
        setup: vec![step()],
        retries: 2,
        parallel: Some(3),
        test_timeout_ms: 600_000,
        scope: TestScope::File,
        groups: vec![TestGroup { name: "db".to_owned(), patterns: vec!["*db*".to_owned()], limit: 2 }],
        caches_discovery: true,
    }
}

fn token(counter: u64) -> Token {
    Token { epoch: Epoch(3), counter }
}

fn digest() -> Digest {
    Digest { hash: [9; 32], size_bytes: 80 }
}

fn reason() -> Reason {
    Reason::new(ReasonCode::DiskFull, "no room on /var")
}

fn text_map() -> BTreeMap<String, String> {
    [("key".to_owned(), "value".to_owned())].into()
}
