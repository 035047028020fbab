//! Durable row writes a second, beside a plain file that is given the same bytes.

use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use muster_coordinator::store::{Store, WriteBatch};

use super::{ROW_BYTES, open, quantile, row};

/// The best of what was measured.
pub(super) struct Speed {
    rows_per_second: f64,
    floor_rows_per_second: f64,
}

/// Writes commits of several sizes, in turn to the store and to a file.
pub(super) fn measure(directory: &Path, seconds: u64) -> Result<Speed> {
    fs::create_dir_all(directory)?;
    println!(
        "rows a commit | store: rows/s, commits/s, p50 ms, p99 ms | file + fdatasync: the same | share of the file"
    );
    let mut best = Speed { rows_per_second: 0.0, floor_rows_per_second: 0.0 };
    for rows in [1, 16, 256, 1_024, 4_096] {
        let (store, floor) = both(&directory.join(rows.to_string()), rows, Duration::from_secs(seconds))?;
        println!("{rows:>13} | {store} | {floor} | {:.2}", store.rows_per_second() / floor.rows_per_second());
        if store.rows_per_second() > best.rows_per_second {
            best.rows_per_second = store.rows_per_second();
            best.floor_rows_per_second = floor.rows_per_second();
        }
    }
    Ok(best)
}

fn both(directory: &Path, rows: u64, time: Duration) -> Result<(Series, Series)> {
    fs::create_dir_all(directory)?;
    let (mut store, epoch) = open(&directory.join("store"))?;
    let mut file = File::create(directory.join("file"))?;
    let (mut stored, mut filed) = (Series::new(rows), Series::new(rows));
    let frames = vec![7; frame_bytes(rows)];
    let mut written = 0;
    let begun = Instant::now();
    // In turns of a quarter second, so that both see the same disk.
    while begun.elapsed() < 2 * time {
        let turn = Instant::now();
        while turn.elapsed() < TURN {
            let batch: WriteBatch = (0..rows).map(|at| row((written + at) % LIVE, written + at)).collect();
            written += rows;
            stored.time(|| store.commit(epoch, batch).map(drop))?;
        }
        let turn = Instant::now();
        while turn.elapsed() < TURN {
            filed.time(|| file.write_all(&frames).and_then(|()| file.sync_data()))?;
        }
    }
    drop(store);
    fs::remove_dir_all(directory)?;
    Ok((stored, filed))
}

/// What a commit of so many rows is in frames: each row with its tag and two lengths, each frame with its header.
fn frame_bytes(rows: u64) -> usize {
    let body = usize::try_from(rows).unwrap_or(usize::MAX) * (ROW_BYTES + 3);
    body + body.div_ceil(FRAME_BODY_BYTES) * FRAME_HEADER_BYTES
}

/// Times of commits.
struct Series {
    rows: u64,
    millis: Vec<f64>,
}

impl Series {
    fn new(rows: u64) -> Self {
        Self { rows, millis: Vec::new() }
    }

    fn time<E>(&mut self, work: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let begun = Instant::now();
        work()?;
        self.millis.push(begun.elapsed().as_secs_f64() * 1_000.0);
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)]
    fn commits_per_second(&self) -> f64 {
        self.millis.len() as f64 * 1_000.0 / self.millis.iter().sum::<f64>()
    }

    #[allow(clippy::cast_precision_loss)]
    fn rows_per_second(&self) -> f64 {
        self.commits_per_second() * self.rows as f64
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.millis.clone();
        sorted.sort_by(f64::total_cmp);
        write!(
            f,
            "{:>9.0} {:>6.0} {:>6.2} {:>6.2}",
            self.rows_per_second(),
            self.commits_per_second(),
            quantile(&sorted, 0.5),
            quantile(&sorted, 0.99)
        )
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} durable rows/s (file + fdatasync of the same bytes {:.0})",
            self.rows_per_second, self.floor_rows_per_second
        )
    }
}

const TURN: Duration = Duration::from_millis(250);
/// Rows that are written over and over.
const LIVE: u64 = 100_000;
/// As the store writes them.
const FRAME_BODY_BYTES: usize = 6 << 10;
const FRAME_HEADER_BYTES: usize = 62;
