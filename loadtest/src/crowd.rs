//! Many fake agents, and a long queue for them: what an experiment with a coordinator's death needs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use muster_proto::v1::SubmitRunRequest;
use muster_proto::v1::run_service_client::RunServiceClient;
use muster_service::endpoint::Endpoint;
use muster_service::shutdown::Shutdown;
use muster_service::wire;
use tokio::task::JoinSet;

use crate::client::wait_for_agents;
use crate::fake_agent::{self, Pace};
use crate::noop::noop;
use crate::starts::Starts;

/// Submits runs of 1,000 jobs until there are so many, and returns.
///
/// # Errors
/// If the coordinator refuses one.
pub(crate) async fn fill(endpoint: &Endpoint, jobs: u32) -> Result<()> {
    let mut client = RunServiceClient::new(endpoint.connect().await?);
    let mut left = jobs;
    while left > 0 {
        let count = left.min(JOBS_PER_RUN);
        let spec = Some(wire::spec::to_proto(&noop(count)));
        client.submit_run(SubmitRunRequest { spec, request_id: format!("fill-{left}") }).await?;
        left -= count;
    }
    println!("{jobs} jobs are submitted");
    Ok(())
}

/// Runs fake agents until it is killed. Says when all are connected, and the first lease of every life of the coordinator.
///
/// # Errors
/// If the coordinator cannot be understood, or is not there at the beginning.
pub(crate) async fn agents(endpoint: &Endpoint, count: u32, work: Duration) -> Result<()> {
    let (starts, shutdown) = (Arc::new(Starts::that_say_epochs()), Shutdown::new());
    let mut agents = JoinSet::new();
    for number in 0..count {
        agents.spawn(fake_agent::run(number, 1, endpoint.clone(), starts.clone(), Pace(work), shutdown.clone()));
    }
    wait_for_agents(endpoint, count).await?;
    println!("{count} agents are connected");
    while let Some(ended) = agents.join_next().await {
        ended??;
    }
    Ok(())
}

const JOBS_PER_RUN: u32 = 1_000;
