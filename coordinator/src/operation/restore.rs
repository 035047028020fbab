//! `muster-coordinator restore`.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use muster_coordinator::backup::restore;
use muster_coordinator::store::SledOptions;

use super::text::count;

/// Make a data directory from a backup
///
/// The directory must not exist, or be empty; it appears as a whole or not at all. Start a coordinator on it at the old
/// address, and the agents come back to it by themselves.
///
/// The restored coordinator knows nothing of what happened after the backup was taken. Runs that were open in it go on
/// and are marked as restored; work that their agents still hold under leases from the backup is kept, all other work of
/// theirs is told to stop. What had run since may run again. No fencing token of the old coordinator is used again, and an
/// agent that has heard the new coordinator refuses the old one: still, stop the old one first, if it lives.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The backup
    file: PathBuf,
    /// Data directory to make
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Makes the directory and says what is in it.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { file, data } = arguments;
    let input = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let input = BufReader::with_capacity(1 << 20, input);
    let restored =
        restore(input, data, SledOptions::default()).with_context(|| format!("cannot restore {}", file.display()))?;
    println!(
        "{}: {} from {}, {} and marked as restored, first epoch above {}",
        data.display(),
        count(restored.totals.rows, "row", "rows"),
        file.display(),
        count(restored.open_runs, "run is open", "runs are open"),
        restored.epoch
    );
    println!("start a coordinator on it: muster-coordinator --data {}", data.display());
    Ok(ExitCode::SUCCESS)
}
