//! What lives and what the disk holds for it, and how soon it is read again.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use muster_coordinator::store::{SledOptions, SledStore, Store, WriteBatch};

use super::{open, quantile, row};

/// What was seen.
pub(super) struct Space {
    events: u64,
    live_bytes: u64,
    peak_bytes: u64,
    generations: u64,
    slowest: f64,
    p99: f64,
    load: Duration,
}

/// Writes so many rows over `live` ones and looks at the disk all the while.
pub(super) fn measure(directory: &Path, events: u64, live: u64) -> Result<Space> {
    let (mut store, epoch) = open(directory)?;
    for first in (0..live).step_by(ROWS_PER_COMMIT) {
        let last = live.min(first + ROWS_PER_COMMIT as u64);
        let _ = store.commit(epoch, (first..last).map(|number| row(number, number)).collect::<WriteBatch>())?;
    }
    let begun = Instant::now();
    let (mut peak_bytes, mut state, mut millis) = (0, 1_u64, Vec::new());
    for first in (0..events).step_by(ROWS_PER_COMMIT) {
        let writes = (0..ROWS_PER_COMMIT as u64).map(|at| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            row((state >> 33) % live, first + at)
        });
        let batch: WriteBatch = writes.collect();
        let at = Instant::now();
        let _ = store.commit(epoch, batch)?;
        millis.push(at.elapsed().as_secs_f64() * 1_000.0);
        if (first / ROWS_PER_COMMIT as u64).is_multiple_of(COMMITS_PER_LOOK) {
            peak_bytes = peak_bytes.max(on_disk(directory)?);
        }
    }
    println!("{events} events over {live} live rows in {:.0} s", begun.elapsed().as_secs_f64());
    let found = store.space()?;
    let rows = store.scan(&[])?;
    drop(store);
    let begun = Instant::now();
    let mut store = SledStore::at(directory, SledOptions::default());
    let loaded = store.load()?;
    let load = begun.elapsed();
    ensure!(loaded.rows == rows, "the store was opened with other rows than were written");
    millis.sort_by(f64::total_cmp);
    let space = Space {
        events,
        live_bytes: found.live_bytes,
        peak_bytes,
        generations: found.generation,
        slowest: quantile(&millis, 1.0),
        p99: quantile(&millis, 0.99),
        load,
    };
    println!("{space}");
    ensure!(peak_bytes <= 3 * found.live_bytes || found.live_bytes < LIVE_BYTES_MIN, "over three times what lives");
    drop(store);
    fs::remove_dir_all(directory)?;
    Ok(space)
}

/// Blocks that the files of the store take, without the ballast, which is none of what it holds.
fn on_disk(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == "BALLAST" {
            continue;
        }
        // What is being removed this moment may be gone.
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += on_disk(&entry.path()).unwrap_or(0),
            Ok(metadata) => bytes += metadata.blocks() * 512,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[allow(clippy::cast_precision_loss)]
        let mb = |bytes: u64| bytes as f64 / 1e6;
        write!(
            f,
            "{} events: {:.0} MB live, peak {:.0} MB on disk = {:.2} times, {} generations, commit p99 {:.1} ms, \
             slowest {:.0} ms, loaded in {:.2} s",
            self.events,
            mb(self.live_bytes),
            mb(self.peak_bytes),
            mb(self.peak_bytes) / mb(self.live_bytes),
            self.generations,
            self.p99,
            self.slowest,
            self.load.as_secs_f64()
        )
    }
}

const ROWS_PER_COMMIT: usize = 250;
const COMMITS_PER_LOOK: u64 = 16;
/// Below this a journal of its least size outweighs the rows.
const LIVE_BYTES_MIN: u64 = 24 << 20;
