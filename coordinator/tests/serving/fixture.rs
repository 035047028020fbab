//! A coordinator in a directory of its own, and clients of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use muster_coordinator::{Coordinator, Listen, Options};
use muster_proto::v1;
use muster_proto::v1::admin_service_client::AdminServiceClient;
use muster_proto::v1::agent_service_client::AgentServiceClient;
use muster_proto::v1::run_service_client::RunServiceClient;
use muster_proto::v1::test_service_client::TestServiceClient;
use tempfile::TempDir;
use tonic::transport::Channel;

pub(crate) struct Fixture {
    pub(crate) coordinator: Coordinator,
    pub(crate) directory: TempDir,
    channel: Channel,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        Self::start_in(directory).await
    }

    pub(crate) async fn start_in(directory: TempDir) -> Self {
        let coordinator = muster_coordinator::start(options(&directory)).await.expect("it starts");
        let channel = coordinator.endpoint().connect().await.expect("it serves");
        Self { coordinator, directory, channel }
    }

    /// Ends the coordinator and starts another one on the same data.
    pub(crate) async fn restart(self) -> Self {
        drop(self.channel);
        self.coordinator.shut_down().await.expect("it ends in order");
        Self::start_in(self.directory).await
    }

    pub(crate) async fn end(self) {
        drop(self.channel);
        self.coordinator.shut_down().await.expect("it ends in order");
    }

    pub(crate) fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel.clone())
    }

    pub(crate) fn tests(&self) -> TestServiceClient<Channel> {
        TestServiceClient::new(self.channel.clone())
    }

    pub(crate) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }

    pub(crate) fn agents(&self) -> AgentServiceClient<Channel> {
        AgentServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn submit(&self, spec: v1::RunSpec) -> u64 {
        let request = v1::SubmitRunRequest { spec: Some(spec), request_id: "request-1".to_owned() };
        self.runs().submit_run(request).await.expect("it is accepted").into_inner().run
    }

    pub(crate) async fn get(&self, run: u64) -> v1::Run {
        let response = self.runs().get_run(v1::GetRunRequest { run }).await.expect("it is there");
        response.into_inner().run.expect("a run is answered")
    }

    pub(crate) async fn log(&self, run: u64, follow: bool) -> String {
        let request = v1::ReadLogRequest { run, job: None, follow };
        let mut pieces = self.runs().read_log(request).await.expect("it is there").into_inner();
        let mut text = Vec::new();
        while let Some(piece) = pieces.message().await.expect("it can be read") {
            text.extend_from_slice(&piece.data);
        }
        String::from_utf8(text).expect("it is text")
    }
}

pub(crate) fn options(directory: &TempDir) -> Options {
    let mut options = Options::new(directory.path().join("data"), Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))));
    // These tests are not about full disks; the machine that runs them may have little room.
    options.free_bytes_min = 1 << 20;
    options.store.free_bytes_min = 1 << 20;
    options
}

/// A run with one job of one step.
pub(crate) fn steps_run() -> v1::RunSpec {
    run(v1::job_spec::Work::Steps(v1::StepList { steps: vec![step()] }))
}

/// A run with one test job.
pub(crate) fn tests_run() -> v1::RunSpec {
    run(v1::job_spec::Work::Tests(v1::TestSpec {
        runner: Some(v1::test_spec::Runner::Pytest(v1::PytestRunner { args: Vec::new() })),
        retries: 1,
        test_timeout_ms: 60_000,
        ..v1::TestSpec::default()
    }))
}

fn run(work: v1::job_spec::Work) -> v1::RunSpec {
    let job = v1::JobSpec {
        name: "job".to_owned(),
        group: "job".to_owned(),
        timeout_ms: 600_000,
        queue_timeout_ms: 600_000,
        is_repeatable: true,
        work: Some(work),
        ..v1::JobSpec::default()
    };
    v1::RunSpec {
        project: "project".to_owned(),
        name: "name".to_owned(),
        workspace: None,
        env: BTreeMap::new(),
        jobs: vec![job],
        only: BTreeMap::new(),
        stress: None,
    }
}

fn step() -> v1::StepSpec {
    v1::StepSpec { name: "greet".to_owned(), run: "echo hello".to_owned(), ..v1::StepSpec::default() }
}

/// Waits for something that must happen, and says what if it does not.
pub(crate) async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG_GUARD, wait).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

const HANG_GUARD: Duration = Duration::from_secs(60);
