//! A coordinator on a disk that others fill: it says so, loses nothing, and goes on by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use muster_proto::v1::run_service_client::RunServiceClient;
use muster_proto::v1::{
    GetRunRequest, JobSpec, ListRunsRequest, RunSpec, StepList, StepSpec, SubmitRunRequest, job_spec,
};
use muster_tests::fleet::Fleet;
use muster_tests::process::HANG;
use muster_tests::small_disk::Filler;
use muster_tests::suite::LedgerSuite;
use tokio::runtime::Runtime;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

#[test]
fn a_full_disk_is_refused_in_words_and_ends_by_itself() {
    let mut fleet = Fleet::start_on_ext4(MEBIBYTES, FLAGS);
    let client = Client::new();
    let first = client.submit(&fleet, "before").expect("there is room");
    assert!(client.is_healthy(&fleet));

    let filler = Filler::fill(&fleet.data());
    let refused = client.until_refused(&fleet, "while-full");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("disk is full"), "{refused}");
    client.until_health(&fleet, false);
    assert_eq!(client.runs(&fleet).first(), Some(&first), "what is stored can be read");
    let suite = LedgerSuite::new(1, "0", "");
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 75, "infrastructure, not the run, is at fault: {ended}");
    assert!(ended.stderr.contains("disk is full"), "{ended}");

    // The same for one that is started on the full disk.
    fleet.kill_coordinator();
    fleet.start_coordinator();
    assert!(!client.is_healthy(&fleet));
    client.until_read(&fleet);
    assert_eq!(client.runs(&fleet).first(), Some(&first));
    let refused = client.submit(&fleet, "still-full").expect_err("there is no room");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(!ballast(&fleet.data()).exists(), "its room was needed to open the store");

    let began = Instant::now();
    drop(filler);
    client.until_health(&fleet, true);
    println!("back {:?} after there was room", began.elapsed());
    let last = client.submit(&fleet, "after").expect("there is room again");
    assert!(last > first);
    assert!(ballast(&fleet.data()).exists(), "it is made again");
    let _agent = fleet.agent("agent-1");
    client.until_finished(&fleet, &[first, last]);
    let ended = fleet.run(&["run", &suite.path()]);
    assert_eq!(ended.code(), 0, "{ended}");
}

#[test]
fn nothing_that_was_accepted_is_lost_when_the_disk_runs_full_in_the_middle_of_writes() {
    let mut fleet = Fleet::start_on_ext4(MEBIBYTES, FLAGS);
    let client = Client::new();
    let mut accepted = Vec::new();
    for round in 0..3 {
        let data = fleet.data();
        // The file system's own room is taken while runs are being accepted, so that a write fails that was begun.
        let filling = std::thread::spawn(move || Filler::fill(&data));
        let mut submitted = 0;
        loop {
            match client.submit(&fleet, &format!("{round}-{submitted}")) {
                Ok(run) => accepted.push(run),
                Err(refused) => {
                    assert!(matches!(refused.code(), Code::ResourceExhausted | Code::Unavailable), "{refused}");
                    if filling.is_finished() {
                        break;
                    }
                }
            }
            submitted += 1;
        }
        let filler = filling.join().expect("it fills the disk");
        if round == 1 {
            fleet.kill_coordinator();
            fleet.start_coordinator();
        }
        drop(filler);
        client.until_health(&fleet, true);
        let known = client.runs(&fleet);
        let lost: Vec<_> = accepted.iter().filter(|run| !known.contains(run)).collect();
        assert!(lost.is_empty(), "round {round}: of {} accepted runs these are lost: {lost:?}", accepted.len());
    }
    assert!(!accepted.is_empty(), "some were accepted");
}

/// A client of the interface, for a test that does not wait for anything else.
struct Client {
    runtime: Runtime,
}

impl Client {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { runtime: runtime.expect("a runtime can be made") }
    }

    fn submit(&self, fleet: &Fleet, request_id: &str) -> Result<u64, Status> {
        let step = StepSpec { name: "pass".to_owned(), run: "true".to_owned(), ..StepSpec::default() };
        let job = JobSpec {
            name: "job".to_owned(),
            group: "job".to_owned(),
            timeout_ms: 60_000,
            queue_timeout_ms: 3_600_000,
            is_repeatable: true,
            work: Some(job_spec::Work::Steps(StepList { steps: vec![step] })),
            ..JobSpec::default()
        };
        let spec = RunSpec { project: "p".to_owned(), name: "n".to_owned(), jobs: vec![job], ..RunSpec::default() };
        let request = SubmitRunRequest { spec: Some(spec), request_id: request_id.to_owned() };
        self.runtime.block_on(async {
            let answer = RunServiceClient::new(channel(fleet).await).submit_run(request).await?;
            Ok(answer.into_inner().run)
        })
    }

    /// Submits until that is refused; what is accepted meanwhile is none of the test's business.
    fn until_refused(&self, fleet: &Fleet, request_id: &str) -> Status {
        until(|| {
            let refused = self.submit(fleet, request_id).err()?;
            (refused.code() == Code::ResourceExhausted).then_some(refused)
        })
    }

    /// All runs, oldest first.
    fn runs(&self, fleet: &Fleet) -> Vec<u64> {
        self.list(fleet).expect("it answers")
    }

    fn until_read(&self, fleet: &Fleet) {
        until(|| self.list(fleet).ok());
    }

    fn list(&self, fleet: &Fleet) -> Result<Vec<u64>, Status> {
        self.runtime.block_on(async {
            let mut client = RunServiceClient::new(channel(fleet).await);
            let request = ListRunsRequest { page_size: 1_000, ..ListRunsRequest::default() };
            let answer = client.list_runs(request).await?.into_inner();
            assert!(answer.next_page_token.is_empty(), "the test makes fewer runs");
            Ok(answer.runs.iter().rev().map(|run| run.run).collect())
        })
    }

    fn is_healthy(&self, fleet: &Fleet) -> bool {
        self.runtime.block_on(async {
            let request = HealthCheckRequest { service: String::new() };
            let answer = HealthClient::new(channel(fleet).await).check(request).await.expect("it answers");
            answer.into_inner().status() == ServingStatus::Serving
        })
    }

    fn until_health(&self, fleet: &Fleet, expected: bool) {
        until(|| (self.is_healthy(fleet) == expected).then_some(()));
    }

    fn until_finished(&self, fleet: &Fleet, runs: &[u64]) {
        for run in runs {
            until(|| {
                let found = self.runtime.block_on(async {
                    let mut client = RunServiceClient::new(channel(fleet).await);
                    client.get_run(GetRunRequest { run: *run }).await
                });
                found.expect("it answers").into_inner().run?.finished_unix_ms
            });
        }
    }
}

async fn channel(fleet: &Fleet) -> Channel {
    Channel::from_shared(fleet.url()).expect("it is an address").connect().await.expect("the coordinator serves")
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < HANG, "it does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn ballast(data: &Path) -> std::path::PathBuf {
    data.join("state").join("BALLAST")
}

const MEBIBYTES: u32 = 160;
/// Blobs keep away from the last 8 MiB; the state's own reserve is larger.
const FLAGS: &[&str] = &["--free-bytes-min", "8388608"];
