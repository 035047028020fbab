//! What is refused, and that it hurts nobody else.

use muster_coordinator::StartError;
use muster_proto::v1;
use muster_proto::v1::session_request::Message as FromAgent;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::agent::{Agent, append_log};
use crate::fixture::{Fixture, options, steps_run, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_coordinator_on_the_same_data_is_refused_and_the_first_goes_on() {
    let fixture = Fixture::start().await;
    let error = muster_coordinator::start(options(&fixture.directory)).await.expect_err("the data are in use");
    assert!(matches!(error, StartError::Store(_)), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    fixture.submit(steps_run()).await;
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_port_ends_only_its_own_connection() {
    let fixture = Fixture::start().await;
    let muster_coordinator::Address::Tcp(address) = *fixture.coordinator.address() else { panic!("it listens on TCP") };
    for garbage in
        [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0xff; 100_000], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00".to_vec()]
    {
        let mut connection = TcpStream::connect(address).await.expect("it listens");
        // The other side may hang up before all is written.
        let _ = connection.write_all(&garbage).await;
        let _ = connection.shutdown().await;
        let mut answer = Vec::new();
        let _ = within("the end of the connection", connection.read_to_end(&mut answer)).await;
    }
    fixture.submit(steps_run()).await;
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cannot_be_met_say_why_for_people_and_for_programs() {
    let fixture = Fixture::start().await;
    let mut runs = fixture.runs();
    let unknown = runs.get_run(v1::GetRunRequest { run: 99 }).await.expect_err("there is no such run");
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "RUN_UNKNOWN"));
    let submit = |spec, request_id: &str| v1::SubmitRunRequest { spec, request_id: request_id.to_owned() };
    let unnamed = runs.submit_run(submit(Some(steps_run()), "")).await.expect_err("it has no request id");
    assert_eq!(unnamed.code(), Code::InvalidArgument);
    let fields = unnamed.get_details_bad_request().expect("the field is named").field_violations;
    assert_eq!(fields[0].field, "request_id");
    let empty = v1::RunSpec { jobs: Vec::new(), ..steps_run() };
    let empty = runs.submit_run(submit(Some(empty), "r")).await.expect_err("it has no jobs");
    assert_eq!(empty.code(), Code::InvalidArgument);
    let digest = v1::BlobDigest { hash: "ab".repeat(32), size_bytes: 9 };
    let bare = v1::RunSpec { workspace: Some(digest), ..steps_run() };
    let bare = runs.submit_run(submit(Some(bare), "r")).await.expect_err("its workspace is not stored");
    assert_eq!((bare.code(), reason(&bare).as_str()), (Code::FailedPrecondition, "WORKSPACE_MISSING"));
    let token = v1::ListRunsRequest { page_token: "x".to_owned(), ..v1::ListRunsRequest::default() };
    assert_eq!(runs.list_runs(token).await.expect_err("it is no token").code(), Code::InvalidArgument);
    let drained = fixture.admin().drain_agent(v1::DrainAgentRequest { agent: "nobody".to_owned() }).await;
    assert_eq!(reason(&drained.expect_err("there is no such agent")), "AGENT_UNKNOWN");
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_breaks_the_protocol_loses_its_stream_with_the_reason() {
    let fixture = Fixture::start().await;
    let good = Agent::open(&fixture, "good").await;

    let mut silent_first = Agent::begin(&fixture).await;
    silent_first.say(FromAgent::Draining(v1::Draining {})).await;
    let refused = silent_first.next().await.expect_err("it did not begin with open");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "PROTOCOL"));

    let mut huge = Agent::open(&fixture, "huge").await;
    let results = (0..3_000).map(|test| v1::TestResult { test, ..v1::TestResult::default() }).collect();
    let token = Some(v1::FencingToken { epoch: 1, counter: 1 });
    huge.say(FromAgent::TestResults(v1::TestResults { batch: token, results })).await;
    let refused = huge.next().await.expect_err("it is over the limit");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");

    let agents = fixture.admin().list_agents(v1::ListAgentsRequest::default()).await.expect("it serves").into_inner();
    assert!(agents.agents.iter().any(|agent| agent.name == "good" && agent.state() == v1::AgentState::Connected));
    drop(good);
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_that_is_over_is_refused_as_a_mistake_of_the_caller() {
    let fixture = Fixture::start().await;
    let request = v1::QuarantineTestRequest {
        project: "project".to_owned(),
        name: "one".to_owned(),
        until_unix_ms: 1_000,
        ..v1::QuarantineTestRequest::default()
    };
    let refused = fixture.tests().quarantine_test(request).await.expect_err("it is long over");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "QUARANTINE_OVER"));
    assert!(refused.message().contains("name a later end"), "{}", refused.message());
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_a_gap_is_refused_and_one_of_an_unknown_run_is_dropped() {
    let fixture = Fixture::start().await;
    fixture.submit(steps_run()).await;
    let lease = Agent::open(&fixture, "a").await.lease().await;
    let request = v1::AppendLogRequest {
        token: lease.token,
        offset: 10,
        data: vec![b'x'].into(),
        job: lease.job,
        stream: "steps".to_owned(),
    };
    let mut answers = fixture.agents().append_log(tokio_stream::iter([request])).await.expect("it serves").into_inner();
    let refused = within("an answer", answers.message()).await.expect_err("it leaves a gap");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::OutOfRange, "LOG_GAP"));
    let unknown = v1::Lease { job: Some(v1::JobRef { run: 77, job: 0 }), ..lease };
    assert_eq!(append_log(&fixture, &unknown, "gone").await.expect("its agent is to forget it"), 4);
    fixture.end().await;
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
