//! `muster-agent`: the agent as a process.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use muster_agent::config::{Arguments, Settings};
use muster_agent::options::Options;
use muster_agent::{Agent, StartError};
use muster_common::id::AgentName;
use muster_service::shutdown::stop_signal;
use muster_service::supervision;
use muster_service::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("muster-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let Settings { options, is_place_free, telemetry } = Arguments::parse().settings()?;
    telemetry::init(&telemetry)?;
    let (agent, options) = if is_place_free { start_somewhere(options).await? } else { start(options).await? };
    tracing::info!(
        name = %options.name,
        coordinator = %options.coordinator,
        slots = options.slots,
        directory = %options.directory.display(),
        "agent started"
    );
    supervision::ready(&format!("agent {} of {}", options.name, options.coordinator));
    tokio::spawn(supervision::keep_alive(agent.pulse(), || false));
    leave_on_signals(agent).await
}

async fn start(options: Options) -> anyhow::Result<(Agent, Options)> {
    let agent = muster_agent::start(options.clone()).await.context("cannot start the agent")?;
    Ok((agent, options))
}

/// Takes the next directory, and a name to match, where another agent of this machine has the default ones.
async fn start_somewhere(options: Options) -> anyhow::Result<(Agent, Options)> {
    for number in 1..=PLACES_MAX {
        let mut options = options.clone();
        if number > 1 {
            options.directory.as_mut_os_string().push(format!("-{number}"));
            options.name = AgentName(format!("{}-{number}", options.name));
        }
        match muster_agent::start(options.clone()).await {
            Ok(agent) => return Ok((agent, options)),
            Err(StartError::DirectoryTaken(_)) => {}
            Err(error) => return Err(error).context("cannot start the agent"),
        }
    }
    anyhow::bail!("{PLACES_MAX} agents run on this machine in default directories: pass --directory and --name")
}

/// The first SIGTERM or SIGINT drains, the second stops at once.
async fn leave_on_signals(mut agent: Agent) -> anyhow::Result<()> {
    tokio::select! {
        () = agent.left() => return Ok(()),
        signal = stop_signal() => {
            tracing::info!(signal = signal.context("cannot listen for signals")?, "finishing what runs; again to stop at once");
        }
    }
    supervision::stopping("finishing what runs");
    agent.drain();
    tokio::select! {
        () = agent.left() => return Ok(()),
        signal = stop_signal() => {
            tracing::warn!(signal = signal.context("cannot listen for signals")?, "stopping what runs");
        }
    }
    agent.shut_down().await;
    Ok(())
}

const PLACES_MAX: u32 = 64;
