//! What a writer commits: commit number n of a seed is always the same.

use std::collections::BTreeMap;

use muster_coordinator::store::{Key, RowWrite, SledOptions, Value, WriteBatch};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// The commits of one seed, numbered from 1.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Decides everything.
    pub seed: u64,
}

/// What has been acknowledged, read from a writer's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// The newest epoch.
    pub epoch: u64,
    /// The newest commit.
    pub commit: u64,
}

/// The rows after a number of commits.
#[derive(Clone, Debug)]
pub struct Expected {
    workload: Workload,
    commit: u64,
    rows: BTreeMap<Key, Value>,
}

impl Workload {
    /// A commit: mostly a few small rows, now and then many, or large ones; and the commit's number in a row of its own.
    #[must_use]
    pub fn batch(&self, commit: u64) -> WriteBatch {
        let mut rng = SmallRng::seed_from_u64(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(commit));
        let (rows, bytes_max) = match rng.random_range(0..40) {
            0 => (rng.random_range(30..120), 200),
            1 => (rng.random_range(1..4), 30_000),
            _ => (rng.random_range(1..6), 400),
        };
        let mut batch = WriteBatch::default();
        batch.put(counter(), Value(commit.to_be_bytes().to_vec()));
        for _ in 0..rows {
            let key = Key(format!("row-{}", rng.random_range(0..ROWS_MAX)).into_bytes());
            if rng.random_bool(0.3) {
                batch.delete(key);
            } else {
                let length = rng.random_range(0..bytes_max);
                batch.put(key, Value((0..length).map(|_| rng.random()).collect()));
            }
        }
        batch
    }
}

impl Acknowledged {
    /// Takes in a line that a writer wrote. What it loaded counts: a coordinator would have acted on it.
    pub fn read(&mut self, line: &str) {
        let mut words = line.split(' ');
        let word = words.next();
        let mut number = || words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        match word {
            Some("loaded") => *self = Self { epoch: number(), commit: number() },
            Some("epoch") => self.epoch = number(),
            Some("commit") => self.commit = number(),
            Some(_) | None => {}
        }
    }
}

impl Expected {
    /// The rows before the first commit.
    #[must_use]
    pub fn new(workload: Workload) -> Self {
        Self { workload, commit: 0, rows: BTreeMap::new() }
    }

    /// The rows after this commit. Goes backwards only by beginning anew.
    pub fn at(&mut self, commit: u64) -> &BTreeMap<Key, Value> {
        if commit < self.commit {
            *self = Self::new(self.workload);
        }
        while self.commit < commit {
            self.commit += 1;
            for write in self.workload.batch(self.commit).writes() {
                match write.clone() {
                    RowWrite::Put { key, value } => drop(self.rows.insert(key, value)),
                    RowWrite::Delete { key } => drop(self.rows.remove(&key)),
                }
            }
        }
        &self.rows
    }

    /// Where it stands.
    #[must_use]
    pub fn workload(&self) -> Workload {
        self.workload
    }
}

/// The newest commit in rows that were loaded; 0 if there is none.
#[must_use]
pub fn newest_commit(rows: &[(Key, Value)]) -> u64 {
    let found = rows.iter().find(|(key, _)| *key == counter());
    found.and_then(|(_, value)| value.0.first_chunk::<8>()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A store in which generations change every few dozen commits.
#[must_use]
pub fn options() -> SledOptions {
    SledOptions { generation_bytes_min: 32 << 10, free_bytes_min: 1 << 20, ballast_bytes: 0, cache_bytes: 1 << 20 }
}

fn counter() -> Key {
    Key(b"commit".to_vec())
}

const ROWS_MAX: u32 = 150;
