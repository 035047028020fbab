//! The binary `muster-coordinator`.

mod operation;
mod settings;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use muster_coordinator::{Condition, Coordinator};
use muster_service::shutdown::stop_signal;
use muster_service::{supervision, telemetry};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use settings::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.operation {
        Some(operation) => operation.run(),
        None => serve(arguments).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("muster-coordinator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let settings = arguments.settings()?;
    telemetry::init(&settings.telemetry)?;
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        let coordinator = muster_coordinator::start(settings.options).await?;
        println!("muster-coordinator: {}", coordinator.greeting());
        supervision::ready(&coordinator.greeting());
        let condition = coordinator.condition();
        tokio::spawn(supervision::keep_alive(coordinator.pulse(), move || *condition.borrow() != Condition::Serving));
        until_stopped(coordinator).await
    })
}

async fn until_stopped(mut coordinator: Coordinator) -> anyhow::Result<()> {
    tokio::select! {
        signal = stop_signal() => {
            let signal = signal.context("cannot wait for signals")?;
            tracing::info!(signal, "shutting down");
            supervision::stopping("making durable what was accepted");
        }
        failure = coordinator.failed() => return Err(failure.into()),
    }
    tokio::select! {
        result = coordinator.shut_down() => Ok(result?),
        // Whoever sends a second signal does not want to wait; what was acknowledged is durable anyway.
        _ = stop_signal() => Ok(()),
    }
}

/// Every agent takes a few descriptors; the usual limit of 1,024 is a relic of select(2).
fn raise_file_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
