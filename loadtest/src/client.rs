//! The clients of a scenario: each submits a run, waits for its end, and submits the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use muster_proto::v1;
use muster_proto::v1::admin_service_client::AdminServiceClient;
use muster_proto::v1::run_service_client::RunServiceClient;
use muster_proto::v1::watch_run_response::Event;
use muster_service::endpoint::Endpoint;
use muster_service::shutdown::Shutdown;
use muster_service::wire;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::fake_agent::{self, Pace};
use crate::noop::noop;
use crate::report::{Percentiles, Report};
use crate::scenario::Scenario;
use crate::starts::Starts;

/// Runs a scenario.
///
/// # Errors
/// If the agents do not all come up, a call fails, or the time is over.
pub(crate) async fn run(scenario: &Scenario, endpoint: &Endpoint) -> Result<Report> {
    let limit = Duration::from_secs(scenario.seconds_max);
    let shutdown = Shutdown::new();
    let measured = tokio::time::timeout(limit, measure(scenario, endpoint, &shutdown)).await;
    shutdown.begin();
    measured.with_context(|| format!("not done after {} s", scenario.seconds_max))?
}

async fn measure(scenario: &Scenario, endpoint: &Endpoint, shutdown: &Shutdown) -> Result<Report> {
    let starts = Arc::new(Starts::default());
    let mut agents = JoinSet::new();
    for number in 0..scenario.agents {
        let (endpoint, starts, shutdown) = (endpoint.clone(), starts.clone(), shutdown.clone());
        agents.spawn(fake_agent::run(number, scenario.slots, endpoint, starts, Pace::default(), shutdown));
    }
    wait_for_agents(endpoint, scenario.agents).await?;

    let left = Arc::new(AtomicU32::new(scenario.jobs));
    let begun = Instant::now();
    let mut producers = JoinSet::new();
    for number in 0..scenario.producers {
        let channel = endpoint.connect().await?;
        producers.spawn(produce(number, channel, left.clone(), starts.clone()));
    }
    let mut sums = Sums::default();
    while let Some(produced) = producers.join_next().await {
        sums.add(produced.context("a producer panicked")??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    let jobs = u32::try_from(sums.ends.len()).unwrap_or(u32::MAX);
    Ok(Report {
        agents: scenario.agents,
        jobs,
        lost: scenario.jobs - jobs,
        seconds,
        jobs_per_s: f64::from(jobs) / seconds,
        dispatch_ms: Percentiles::of(sums.dispatches),
        end_ms: Percentiles::of(sums.ends),
    })
}

#[derive(Default)]
struct Sums {
    dispatches: Vec<Duration>,
    ends: Vec<Duration>,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.dispatches.extend(other.dispatches);
        self.ends.extend(other.ends);
    }
}

/// Waits until so many agents are connected.
///
/// # Errors
/// If the coordinator does not answer.
pub(crate) async fn wait_for_agents(endpoint: &Endpoint, wanted: u32) -> Result<()> {
    let mut admin = AdminServiceClient::new(endpoint.connect().await?);
    loop {
        let state = admin.get_coordinator(v1::GetCoordinatorRequest {}).await?.into_inner();
        if state.agents >= wanted {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn produce(number: u32, channel: Channel, left: Arc<AtomicU32>, starts: Arc<Starts>) -> Result<Sums> {
    let mut client = RunServiceClient::new(channel);
    let mut sums = Sums::default();
    while let Ok(job) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
        let request = v1::SubmitRunRequest {
            spec: Some(wire::spec::to_proto(&noop(1))),
            request_id: format!("load-{}-{number}-{job}", std::process::id()),
        };
        let submitted = Instant::now();
        let run = client.submit_run(request).await?.into_inner().run;
        let mut events = client.watch_run(v1::WatchRunRequest { run }).await?.into_inner();
        let outcome = loop {
            let Some(event) = events.message().await? else { bail!("the watch of run {run} ended before the run") };
            if let Some(Event::RunFinished(finished)) = event.event {
                break finished.outcome();
            }
        };
        if outcome != v1::Outcome::Passed {
            bail!("run {run} of nothing ended as {outcome:?}");
        }
        sums.ends.push(submitted.elapsed());
        sums.dispatches.extend(starts.take(run).map(|started| started.duration_since(submitted)));
    }
    Ok(sums)
}

/// Pause between looks at how many agents are there.
const POLL: Duration = Duration::from_millis(50);
