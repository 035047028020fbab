//! `muster-loadtest`: load scenarios, with fake agents that run the real session machine over real gRPC.

mod client;
mod fake_agent;
mod report;
mod scenario;
mod starts;

use std::path::PathBuf;

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
}

#[tokio::main]
async fn main() -> Result<()> {
    let Command::Run { scenario, coordinator, jobs, agents, json } = Arguments::parse().command;
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
