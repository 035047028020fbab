//! A process that writes through the store, to be killed, recorded or cut off by the experiments of `cargo xtask`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use muster_coordinator::store::{Loaded, SledStore, Store as _};
use muster_tests::crash::check;
use muster_tests::crash::workload::{Acknowledged, Expected, Workload, newest_commit, options};

/// Writes through the store and says on its standard output what was acknowledged.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Open the store and go on with the commits of a seed.
    Write {
        /// The store's directory.
        dir: PathBuf,
        /// The seed of the commits.
        #[arg(long)]
        seed: u64,
        /// End after so many commits.
        #[arg(long)]
        commits: Option<u64>,
    },
    /// Open the store, as a coordinator does that starts, and close it.
    Open {
        /// The store's directory.
        dir: PathBuf,
    },
    /// Open the store and compare it with what was acknowledged.
    Check {
        /// The store's directory.
        dir: PathBuf,
        /// The seed of the commits.
        #[arg(long)]
        seed: u64,
        /// The newest epoch that was acknowledged.
        #[arg(long)]
        epoch: u64,
        /// The newest commit that was acknowledged.
        #[arg(long)]
        commit: u64,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Write { dir, seed, commits } => write(dir, Workload { seed }, commits.unwrap_or(u64::MAX)),
        Task::Open { dir } => load(&mut SledStore::at(dir, options())).map(drop),
        Task::Check { dir, seed, epoch, commit } => {
            let mut expected = Expected::new(Workload { seed });
            Ok(check::check(&dir, Acknowledged { epoch, commit }, &mut expected, false)?)
        }
    }
}

fn write(dir: PathBuf, workload: Workload, commits: u64) -> Result<()> {
    let mut store = SledStore::at(dir, options());
    let loaded = load(&mut store)?;
    let epoch = store.raise_epoch().context("cannot raise the epoch")?;
    println!("epoch {epoch}");
    let newest = newest_commit(&loaded.rows);
    for commit in newest + 1..=newest.saturating_add(commits) {
        store.commit(epoch, workload.batch(commit)).map(drop).context("cannot commit")?;
        println!("commit {commit}");
    }
    Ok(())
}

fn load(store: &mut SledStore) -> Result<Loaded> {
    let loaded = store.load().context("cannot open the store")?;
    println!("loaded {} {}", loaded.epoch, newest_commit(&loaded.rows));
    Ok(loaded)
}
