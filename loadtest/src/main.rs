//! `muster-loadtest`: load scenarios, with fake agents that run the real session machine over real gRPC.

mod client;
mod crowd;
mod fake_agent;
mod noop;
mod report;
mod scenario;
mod starts;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use muster_service::endpoint::Endpoint;

use crate::scenario::Scenario;

/// Load scenarios against a coordinator.
#[derive(Debug, Parser)]
#[command(name = "muster-loadtest", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one scenario and print its figures.
    Run {
        /// The scenario's file, such as `loadtest/scenarios/noop.toml`.
        scenario: PathBuf,
        /// The coordinator under load, such as http://127.0.0.1:7878.
        #[arg(long, env = "MUSTER_COORDINATOR")]
        coordinator: Endpoint,
        /// Jobs, in place of the scenario's.
        #[arg(long)]
        jobs: Option<u32>,
        /// Fake agents, in place of the scenario's.
        #[arg(long)]
        agents: Option<u32>,
        /// File for the figures, as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Submit runs of 1,000 jobs that do nothing, and leave.
    Fill {
        /// The coordinator.
        #[arg(long, env = "MUSTER_COORDINATOR")]
        coordinator: Endpoint,
        /// Jobs in all.
        #[arg(long)]
        jobs: u32,
    },
    /// Run fake agents until killed.
    Agents {
        /// The coordinator.
        #[arg(long, env = "MUSTER_COORDINATOR")]
        coordinator: Endpoint,
        /// Fake agents, with one slot each.
        #[arg(long)]
        count: u32,
        /// How long each job takes, in milliseconds.
        #[arg(long, default_value_t = 0)]
        work_ms: u64,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Run { scenario, coordinator, jobs, agents, json } => {
            coordinator.check_plaintext(false)?;
            let mut scenario = Scenario::read(&scenario)?;
            scenario.jobs = jobs.unwrap_or(scenario.jobs);
            scenario.agents = agents.unwrap_or(scenario.agents);
            scenario.check()?;
            let report = client::run(&scenario, &coordinator).await?;
            println!("{report}");
            if let Some(path) = json {
                let text = serde_json::to_string_pretty(&report).context("figures are plain numbers")?;
                std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            Ok(())
        }
        Command::Fill { coordinator, jobs } => {
            coordinator.check_plaintext(false)?;
            crowd::fill(&coordinator, jobs).await
        }
        Command::Agents { coordinator, count, work_ms } => {
            coordinator.check_plaintext(false)?;
            crowd::agents(&coordinator, count, Duration::from_millis(work_ms)).await
        }
    }
}
