//! A client that makes a coordinator promise things, and later asks for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use muster_common::digest::Digest;
use muster_common::spec::{JobSpec, RunSpec, Shell, StepSpec, Work};
use muster_proto::v1;
use muster_proto::v1::agent_service_client::AgentServiceClient;
use muster_proto::v1::run_service_client::RunServiceClient;
use muster_service::blob::BlobClient;
use muster_service::endpoint::Endpoint;
use muster_service::wire;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tonic::transport::Channel;

use super::check::Fault;

/// Something that a coordinator has said to be done.
#[derive(Clone, Debug)]
pub enum Done {
    /// A blob is stored.
    Blob(Digest),
    /// A run is accepted.
    Run(u64),
    /// So many bytes of a run's log are stored.
    Log(u64, u64),
    /// A cancelled run has ended.
    Ended(u64),
}

/// A client of one coordinator.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    rng: SmallRng,
}

impl Client {
    /// A client that has not connected. The seed decides what it does.
    #[must_use]
    pub fn new(endpoint: Endpoint, seed: u64) -> Self {
        Self { endpoint, rng: SmallRng::seed_from_u64(seed) }
    }

    /// Makes the coordinator do things until it is gone, and tells each that was done. Waits for it at first. Begins with
    /// the blob of `contents`, at which the last client may have been cut off.
    ///
    /// # Errors
    /// If there are no threads.
    pub fn work(mut self, contents: &AtomicU64, note: impl Fn(Done)) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut channel = None;
            for _ in 0..CONNECTIONS_MAX {
                channel = self.endpoint.connect().await.ok();
                if channel.is_some() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            // It may have been killed before it served.
            let Some(channel) = channel else { return };
            // The first failure is the end of the coordinator.
            while self.step(&channel, contents, &note).await.is_ok() {
                contents.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(())
    }

    async fn step(&mut self, channel: &Channel, contents: &AtomicU64, note: &impl Fn(Done)) -> Result<()> {
        let blobs = BlobClient::new(channel.clone()).patient_for(Duration::from_millis(1));
        note(Done::Blob(blobs.put(content(contents.load(Ordering::Relaxed))).await?));
        let mut runs = RunServiceClient::new(channel.clone());
        let request_id = self.rng.random::<u64>().to_string();
        let request = v1::SubmitRunRequest { spec: Some(wire::spec::to_proto(&nothing())), request_id };
        let run = runs.submit_run(request).await?.into_inner().run;
        note(Done::Run(run));
        let mut stored = 0;
        for _ in 0..self.rng.random_range(0..4) {
            stored = append(channel, run, stored, self.rng.random_range(1..30_000)).await?;
            note(Done::Log(run, stored));
        }
        if self.rng.random_bool(0.5) {
            runs.cancel_run(v1::CancelRunRequest { run }).await?;
            note(Done::Ended(run));
        }
        Ok(())
    }

    /// Asks for all that was done.
    ///
    /// # Errors
    /// If something of it is not there, or is not what it was.
    pub async fn look(&self, done: &[Done]) -> Result<(), Fault> {
        let failed = |error: &dyn std::fmt::Display| Fault::Refused(error.to_string());
        let channel = self.endpoint.connect().await.map_err(|error| failed(&error))?;
        let blobs = BlobClient::new(channel.clone()).patient_for(Duration::from_millis(1));
        let mut logs = BTreeMap::new();
        for deed in done {
            match *deed {
                Done::Blob(digest) => {
                    let read = blobs.read(&digest, digest.size_bytes).await;
                    read.map_err(|error| Fault::Lost(format!("blob {digest}: {error}")))?;
                }
                Done::Run(run) => drop(outcome(&channel, run).await?),
                Done::Ended(run) => {
                    if outcome(&channel, run).await? != v1::Outcome::Cancelled {
                        return Err(Fault::Lost(format!("run {run} was cancelled, and is not")));
                    }
                }
                Done::Log(run, bytes) => drop(logs.insert(run, bytes)),
            }
        }
        for (run, bytes) in logs {
            look_at_log(&channel, run, bytes).await?;
        }
        Ok(())
    }
}

/// The blob of a number: mostly small, now and then larger than a message.
fn content(number: u64) -> Vec<u8> {
    let mut rng = SmallRng::seed_from_u64(number);
    let bytes = rng.random_range(1..if number % 5 == 4 { 3_000_000 } else { 20_000 });
    (0..bytes).map(|_| rng.random()).collect()
}

async fn append(channel: &Channel, run: u64, offset: u64, bytes: u64) -> Result<u64> {
    let data = (offset..offset + bytes).map(|place| byte(run, place)).collect::<Vec<u8>>().into();
    let token = Some(v1::FencingToken { epoch: 1, counter: run });
    let job = Some(v1::JobRef { run, job: 0 });
    let request = v1::AppendLogRequest { token, offset, data, job, stream: "steps".to_owned() };
    let mut client = AgentServiceClient::new(channel.clone());
    let mut answers = client.append_log(tokio_stream::iter([request])).await?.into_inner();
    let answer = answers.message().await?.context("a piece of log is not acknowledged")?;
    Ok(answer.durable_bytes)
}

async fn outcome(channel: &Channel, run: u64) -> Result<v1::Outcome, Fault> {
    let answer = RunServiceClient::new(channel.clone()).get_run(v1::GetRunRequest { run }).await;
    let answer = answer.map_err(|status| Fault::Lost(format!("run {run}: {}", status.message())))?;
    let found = answer.into_inner().run.ok_or_else(|| Fault::Half(format!("run {run} is empty")))?;
    Ok(found.outcome())
}

async fn look_at_log(channel: &Channel, run: u64, bytes: u64) -> Result<(), Fault> {
    let lost = |what: &dyn std::fmt::Display| Fault::Lost(format!("the log of run {run}: {what}"));
    let request = v1::ReadLogRequest { run, job: None, follow: false };
    let answer = RunServiceClient::new(channel.clone()).read_log(request).await;
    let mut pieces = answer.map_err(|status| lost(&status.message()))?.into_inner();
    let mut read = 0;
    while let Some(piece) = pieces.message().await.map_err(|status| lost(&status.message()))? {
        for (place, found) in (piece.offset..).zip(&piece.data) {
            if place < bytes && *found != byte(run, place) {
                return Err(Fault::Half(format!("the log of run {run} is another at byte {place}")));
            }
        }
        read = piece.offset + piece.data.len() as u64;
    }
    if read < bytes { Err(lost(&format!("{read} of {bytes} acknowledged bytes are there"))) } else { Ok(()) }
}

/// What a run's log holds at a place.
fn byte(run: u64, place: u64) -> u8 {
    ((run * 131 + place * 7 + place / 251) % 255 + 1) as u8
}

/// A run of one job that no agent will ever take, because there is none.
fn nothing() -> RunSpec {
    let step = StepSpec { shell: Shell::Sh, ..StepSpec::new("nothing", "true") };
    let job = JobSpec::new("nothing", Work::Steps(vec![step]));
    RunSpec { project: "crash".to_owned(), name: "nothing".to_owned(), jobs: vec![job], ..RunSpec::default() }
}

const CONNECTIONS_MAX: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);
