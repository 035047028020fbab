//! The way to a coordinator: the same for one on another machine and for the one inside this process.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use muster_common::digest::Digest;
use muster_common::limits::MESSAGE_BYTES_MAX;
use muster_common::spec::RunSpec;
use muster_proto::v1;
use muster_service::blob::BlobClient;
use muster_service::endpoint::{Endpoint, EndpointError};
use muster_service::wire::spec::from_proto;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use v1::admin_service_client::AdminServiceClient;
use v1::run_service_client::RunServiceClient;
use v1::test_service_client::TestServiceClient;

use crate::failure::{Failure, is_unreachable, unreachable_at};

/// A handle on one coordinator. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    endpoint: Endpoint,
    calls: Channel,
    blobs: BlobClient,
}

impl Client {
    /// Connects, one connection for calls and one for bulk.
    pub(crate) async fn connect(endpoint: Endpoint) -> Result<Self, Failure> {
        let calls = endpoint.connect().await.map_err(|error| match error {
            EndpointError::Connect { source, .. } => unreachable_at(&endpoint.to_string()).because(source),
            EndpointError::Syntax { .. } | EndpointError::Tls { .. } | EndpointError::Plaintext { .. } => {
                unreachable_at(&endpoint.to_string()).because(error)
            }
        })?;
        let blobs = BlobClient::new(endpoint.connect_lazy());
        Ok(Self { endpoint, calls, blobs })
    }

    /// The coordinator's blobs.
    pub(crate) fn blobs(&self) -> &BlobClient {
        &self.blobs
    }

    /// Submits a run and gives its number. Tries again while the coordinator cannot be reached: `request_id` makes that
    /// safe.
    pub(crate) async fn submit(&self, spec: v1::RunSpec, request_id: String) -> Result<u64, Failure> {
        let request = v1::SubmitRunRequest { spec: Some(spec), request_id };
        let answer = self.retried(|| self.clone().submit_once(request.clone())).await;
        answer.map(|answer| answer.run).map_err(|status| self.failure("the run was not accepted", &status))
    }

    /// One run with its jobs.
    pub(crate) async fn run(&self, run: u64) -> Result<v1::Run, Failure> {
        let request = v1::GetRunRequest { run };
        let answer = self.retried(|| self.clone().get_run_once(request)).await;
        let answer = answer.map_err(|status| self.failure(&format!("cannot read run {run}"), &status))?;
        answer.run.ok_or_else(|| Failure::infrastructure(format!("the coordinator's answer about run {run} is empty")))
    }

    /// What a run was asked to do.
    pub(crate) async fn spec(&self, run: u64) -> Result<RunSpec, Failure> {
        let request = v1::GetRunSpecRequest { run };
        let answer = self.retried(|| self.clone().get_run_spec_once(request)).await;
        let what = format!("cannot read what run {run} was asked to do");
        let answer = answer.map_err(|status| self.failure(&what, &status))?;
        let spec = answer.spec.ok_or_else(|| Failure::infrastructure(format!("{what}: the answer is empty")))?;
        from_proto(spec).map_err(|error| Failure::infrastructure(what).because(error))
    }

    /// The newest runs.
    pub(crate) async fn runs(&self, limit: usize, project: &str) -> Result<Vec<v1::Run>, Failure> {
        let mut runs = Vec::new();
        let mut page_token = String::new();
        while runs.len() < limit {
            let page_size = u32::try_from((limit - runs.len()).min(RUNS_PER_PAGE)).unwrap_or(u32::MAX);
            let request = v1::ListRunsRequest { page_size, page_token, project: project.to_owned() };
            let answer = self.retried(|| self.clone().list_runs_once(request.clone())).await;
            let answer = answer.map_err(|status| self.failure("cannot list the runs", &status))?;
            runs.extend(answer.runs);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        runs.truncate(limit);
        Ok(runs)
    }

    /// Every discovered test of a run, in the order of jobs and discovery.
    pub(crate) async fn tests(&self, run: u64) -> Result<Vec<v1::RunTest>, Failure> {
        let mut tests = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListRunTestsRequest { run, page_size: TESTS_PER_PAGE, page_token };
            let answer = self.retried(|| self.clone().list_tests_once(request.clone())).await;
            let answer =
                answer.map_err(|status| self.failure(&format!("cannot list the tests of run {run}"), &status))?;
            tests.extend(answer.tests);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(tests);
            }
        }
    }

    /// What is remembered of the tests of a project, or of those with this name. In no promised order.
    pub(crate) async fn remembered(&self, project: &str, name: &str) -> Result<Vec<v1::RememberedTest>, Failure> {
        let mut tests = Vec::new();
        let mut page_token = String::new();
        loop {
            let (project, name) = (project.to_owned(), name.to_owned());
            let request = v1::ListTestsRequest { project, page_size: TESTS_PER_PAGE, page_token, name };
            let answer = self.retried(|| self.clone().list_remembered_once(request.clone())).await;
            let answer = answer.map_err(|status| self.failure("cannot list the tests", &status))?;
            tests.extend(answer.tests);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(tests);
            }
        }
    }

    /// Puts a test into quarantine.
    pub(crate) async fn quarantine(&self, request: v1::QuarantineTestRequest) -> Result<(), Failure> {
        let answer = self.retried(|| self.clone().quarantine_once(request.clone())).await;
        answer.map_err(|status| self.failure("cannot put the test into quarantine", &status))
    }

    /// Takes a test out of quarantine.
    pub(crate) async fn release(&self, request: v1::ReleaseTestRequest) -> Result<(), Failure> {
        let answer = self.retried(|| self.clone().release_once(request.clone())).await;
        answer.map_err(|status| self.failure("cannot take the test out of quarantine", &status))
    }

    /// Gives work again to an agent that was fenced off.
    pub(crate) async fn trust(&self, agent: &str) -> Result<(), Failure> {
        let request = v1::TrustAgentRequest { agent: agent.to_owned() };
        let answer = self.retried(|| self.clone().trust_once(request.clone())).await;
        answer.map_err(|status| self.failure("cannot lift the fence", &status))
    }

    /// Stops a run. Says whether it had ended before.
    pub(crate) async fn cancel(&self, run: u64) -> Result<bool, Failure> {
        let request = v1::CancelRunRequest { run };
        let answer = self.retried(|| self.clone().cancel_once(request)).await;
        answer
            .map(|answer| answer.had_ended)
            .map_err(|status| self.failure(&format!("cannot cancel run {run}"), &status))
    }

    /// The agents, by name.
    pub(crate) async fn agents(&self) -> Result<Vec<v1::Agent>, Failure> {
        let mut agents = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListAgentsRequest { page_size: AGENTS_PER_PAGE, page_token };
            let answer = self.retried(|| self.clone().list_agents_once(request.clone())).await;
            let answer = answer.map_err(|status| self.failure("cannot list the agents", &status))?;
            agents.extend(answer.agents);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(agents);
            }
        }
    }

    /// What happens to a run. One try: whoever follows a run reconnects by itself.
    pub(crate) async fn watch(&self, run: u64) -> Result<Streaming<v1::WatchRunResponse>, Status> {
        Ok(self.run_service().watch_run(v1::WatchRunRequest { run }).await?.into_inner())
    }

    /// The logs of a run, or of one of its jobs. One try.
    pub(crate) async fn log(&self, request: v1::ReadLogRequest) -> Result<Streaming<v1::ReadLogResponse>, Status> {
        Ok(self.run_service().read_log(request).await?.into_inner())
    }

    /// What a test wrote, if it can still be had.
    pub(crate) async fn output(&self, digest: &v1::BlobDigest) -> Option<Bytes> {
        let size_bytes = u64::try_from(digest.size_bytes).ok()?;
        let digest = Digest::from_parts(&digest.hash, size_bytes).ok()?;
        let blobs = self.blobs.patient_for(OUTPUT_PATIENCE);
        match tokio::time::timeout(OUTPUT_PATIENCE, blobs.read(&digest, OUTPUT_BYTES_MAX)).await {
            Ok(Ok(content)) => Some(content),
            Ok(Err(error)) => {
                tracing::warn!(%digest, %error, "the output of a test cannot be read");
                None
            }
            Err(_) => None,
        }
    }

    /// A status of this coordinator as an error of ours.
    pub(crate) fn failure(&self, what: &str, status: &Status) -> Failure {
        Failure::call(what, &self.endpoint.to_string(), status)
    }

    async fn submit_once(self, request: v1::SubmitRunRequest) -> Result<v1::SubmitRunResponse, Status> {
        Ok(self.run_service().submit_run(timed(request)).await?.into_inner())
    }

    async fn get_run_once(self, request: v1::GetRunRequest) -> Result<v1::GetRunResponse, Status> {
        Ok(self.run_service().get_run(timed(request)).await?.into_inner())
    }

    async fn get_run_spec_once(self, request: v1::GetRunSpecRequest) -> Result<v1::GetRunSpecResponse, Status> {
        Ok(self.run_service().get_run_spec(timed(request)).await?.into_inner())
    }

    async fn list_runs_once(self, request: v1::ListRunsRequest) -> Result<v1::ListRunsResponse, Status> {
        Ok(self.run_service().list_runs(timed(request)).await?.into_inner())
    }

    async fn cancel_once(self, request: v1::CancelRunRequest) -> Result<v1::CancelRunResponse, Status> {
        Ok(self.run_service().cancel_run(timed(request)).await?.into_inner())
    }

    async fn list_tests_once(self, request: v1::ListRunTestsRequest) -> Result<v1::ListRunTestsResponse, Status> {
        let mut service = TestServiceClient::new(self.calls.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(service.list_run_tests(timed(request)).await?.into_inner())
    }

    async fn list_remembered_once(self, request: v1::ListTestsRequest) -> Result<v1::ListTestsResponse, Status> {
        let mut service = TestServiceClient::new(self.calls.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(service.list_tests(timed(request)).await?.into_inner())
    }

    async fn quarantine_once(self, request: v1::QuarantineTestRequest) -> Result<(), Status> {
        TestServiceClient::new(self.calls.clone()).quarantine_test(timed(request)).await.map(drop)
    }

    async fn release_once(self, request: v1::ReleaseTestRequest) -> Result<(), Status> {
        TestServiceClient::new(self.calls.clone()).release_test(timed(request)).await.map(drop)
    }

    async fn trust_once(self, request: v1::TrustAgentRequest) -> Result<(), Status> {
        AdminServiceClient::new(self.calls.clone()).trust_agent(timed(request)).await.map(drop)
    }

    async fn list_agents_once(self, request: v1::ListAgentsRequest) -> Result<v1::ListAgentsResponse, Status> {
        let mut service = AdminServiceClient::new(self.calls.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(service.list_agents(timed(request)).await?.into_inner())
    }

    fn run_service(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.calls.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
            .max_encoding_message_size(ANSWER_BYTES_MAX)
    }

    async fn retried<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let mut backoff = Backoff::new(CALL_PATIENCE);
        loop {
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(status) if is_unreachable(&status) || status.code() == Code::DeadlineExceeded => {
                    if !backoff.wait().await {
                        return Err(status);
                    }
                }
                Err(status) => return Err(status),
            }
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(f)
    }
}

/// Growing pauses between the tries of one thing, until its patience ends.
#[derive(Debug)]
pub(crate) struct Backoff {
    patience: Duration,
    waited: Duration,
    pause: Duration,
}

impl Backoff {
    /// Pauses that add up to at most `patience`.
    pub(crate) const fn new(patience: Duration) -> Self {
        Self { patience, waited: Duration::ZERO, pause: PAUSE_FIRST }
    }

    /// Waits before the next try, or says that there is none.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.waited >= self.patience {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.waited += self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        true
    }
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

const RUNS_PER_PAGE: usize = 1_000;
const TESTS_PER_PAGE: u32 = 2_000;
const AGENTS_PER_PAGE: u32 = 1_000;
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a call is tried again while the coordinator cannot be reached.
const CALL_PATIENCE: Duration = Duration::from_secs(60);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// How long an output of a test is waited for. It is for reading only; the verdict does not hang on it.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one test's output that are fetched.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// Bytes of one answer: a page of tests may hold long messages.
const ANSWER_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;
