//! `cargo xtask store-bench`: how fast the store is, how much room it takes, how soon it is read again.
//!
//! Measures a release build: the tests' own profile leaves our crates unoptimised.

mod space;
mod speed;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use muster_common::id::Epoch;
use muster_coordinator::store::{Key, RowWrite, SledOptions, SledStore, Store, Value};

use super::{must_run, root};

/// Arguments of `cargo xtask store-bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Small rows written over live ones, while the space on the disk is watched.
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Rows that live at the same time.
    #[arg(long, default_value_t = 250_000)]
    live: u64,
    /// Seconds for each size of commits.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Where to write; the folder's disk is what is measured.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Measure this build instead of a release build.
    #[arg(long)]
    this_build: bool,
}

/// Measures and prints; the last line holds the figures.
///
/// # Errors
/// If the store fails, loses something, or takes more than three times what lives.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.this_build {
        return run_release();
    }
    let directory = arguments.directory.clone().unwrap_or_else(super::workshop);
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let directory = tempfile::tempdir_in(directory).context("cannot make a folder to write in")?;
    let speed = speed::measure(&directory.path().join("speed"), arguments.seconds)?;
    let space = space::measure(&directory.path().join("space"), arguments.events, arguments.live)?;
    println!("store-bench: {speed}; {space}");
    Ok(())
}

/// The same with everything optimised.
fn run_release() -> Result<()> {
    let words = ["build", "--release", "--quiet", "--package", "muster-tests", "--bin", "xtask"];
    must_run(Command::new("cargo").args(words).current_dir(root()))?;
    let arguments = std::env::args().skip(1).chain(["--this-build".to_owned()]);
    must_run(Command::new(root().join("target/release/xtask")).args(arguments))
}

/// Opens a store and begins a life.
fn open(directory: &Path) -> Result<(SledStore, Epoch)> {
    let mut store = SledStore::at(directory, SledOptions::default());
    store.load()?;
    let epoch = store.raise_epoch()?;
    Ok((store, epoch))
}

/// A small row: 16 bytes of key, 100 bytes of value that no two writes share.
fn row(number: u64, write: u64) -> RowWrite {
    let mut key = vec![0; 8];
    key.extend(number.to_be_bytes());
    let mut value = vec![0; ROW_BYTES - key.len()];
    let mut state = write.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for piece in value.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
    }
    RowWrite::Put { key: Key(key), value: Value(value) }
}

/// The value that sorts at this share of the others.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let at = (last as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}

/// Key and value.
const ROW_BYTES: usize = 116;
