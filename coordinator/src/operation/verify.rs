//! `muster-coordinator verify`.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use muster_coordinator::backup::{Verification, verify, verify_backup};

use super::text::{count, size};

/// Read a data directory or a backup to its last byte and say what is in it
///
/// Nothing is changed. The coordinator must not run; of one that runs, take a backup and verify that.
///
/// Exit codes: 0 everything is whole, 1 something cannot be read or is in use, 3 something is damaged.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Data directory
    #[arg(long, value_name = "DIR", required_unless_present = "backup")]
    data: Option<PathBuf>,
    /// Backup
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    backup: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Reads, prints, and says by its code whether all is whole.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let found = match (&arguments.data, &arguments.backup) {
        (Some(data), _) => verify(data)?,
        (None, Some(backup)) => {
            let file = File::open(backup).with_context(|| format!("cannot read {}", backup.display()))?;
            verify_backup(BufReader::with_capacity(1 << 20, file))?
        }
        (None, None) => bail!("pass --data DIR or --backup FILE"),
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&found).context("cannot write JSON")?);
    } else {
        print(&found);
    }
    Ok(if found.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

fn print(found: &Verification) {
    println!("store {}, epoch {}", found.store_id, found.epoch);
    if let (Some(generation), Some(frames), Some(newest)) = (found.generation, found.frames, found.newest_frame) {
        println!("generation {generation}, {}, the newest is frame {newest}", count(frames, "frame", "frames"));
    }
    println!(
        "{}, {}, {} of rows",
        count(found.open_runs, "open run", "open runs"),
        count(found.finished_runs, "finished run", "finished runs"),
        size(found.row_bytes)
    );
    for (kind, number) in &found.rows {
        println!("  {number:>10} {kind}");
    }
    println!("{}, {}", count(found.blobs, "blob", "blobs"), size(found.blob_bytes));
    println!("{}, {}", count(found.logs, "log", "logs"), size(found.log_bytes));
    if found.restored_unix_ms.is_some() {
        println!("the store was made from a backup");
    }
    for remark in &found.remarks {
        println!("note: {remark}");
    }
    for fault in &found.faults {
        println!("DAMAGED: {fault}");
    }
    if found.is_whole() {
        println!("everything is whole");
    }
}

const DAMAGED: u8 = 3;
