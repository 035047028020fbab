//! Damaged files are repaired or refused: never a panic, never a row less without a word.

use std::fs::{self, File};
use std::path::Path;

use muster_coordinator::store::{Key, SledStore, Store, Value};

use super::fixture::{SMALL, begin, commit, copy, files, put};

#[test]
fn a_flipped_bit_anywhere_is_repaired_or_refused() {
    let whole = Whole::new();
    let mut seen = Seen::default();
    for (name, length) in whole.files() {
        for at in spread(length, 24) {
            seen.count(whole.damaged(&name, |path| {
                let mut bytes = fs::read(path).expect("it is there");
                bytes[at as usize] ^= 1 << (at % 8);
                fs::write(path, bytes).expect("it can be written");
            }));
        }
    }
    assert!(seen.repaired > 0 && seen.refused > 12, "the damage reaches what matters: {seen:?}");
}

#[test]
fn a_truncated_file_is_repaired_or_refused() {
    let whole = Whole::new();
    let mut seen = Seen::default();
    for (name, length) in whole.files() {
        for at in spread(length, 12) {
            seen.count(whole.damaged(&name, |path| {
                let file = File::options().write(true).open(path).expect("it is there");
                file.set_len(at).expect("it can be cut");
            }));
        }
    }
    assert!(seen.refused > 12, "the damage reaches what matters: {seen:?}");
}

/// A store that was closed in order, and what it holds.
struct Whole {
    dir: tempfile::TempDir,
    rows: Vec<(Key, Value)>,
}

#[derive(Debug, Default)]
struct Seen {
    repaired: u32,
    refused: u32,
}

impl Whole {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        // Opened twice, so that sled has written a snapshot too.
        drop(begin(dir.path(), SMALL));
        let (mut store, _, epoch) = begin(dir.path(), SMALL);
        for round in 0..40_u8 {
            commit(&mut store, epoch, [put(&format!("{}", round % 16), vec![round; 300]), put("last", [round])]);
        }
        commit(&mut store, epoch, [put("large", vec![7; 20_000])]);
        let rows = store.scan(&[]).expect("it is open");
        Self { dir, rows }
    }

    /// The files that hold anything, with their lengths. The lock holds nothing.
    fn files(&self) -> Vec<(String, u64)> {
        let names = files(self.dir.path()).into_iter().filter(|name| name != "LOCK");
        let length = |name: &String| fs::metadata(self.dir.path().join(name)).expect("it is there").len();
        names.map(|name| (name.clone(), length(&name))).collect()
    }

    /// Opens a damaged copy. True when it was repaired: then it holds every row.
    fn damaged(&self, name: &str, damage: impl FnOnce(&Path)) -> bool {
        let dir = tempfile::tempdir().expect("a directory");
        copy(self.dir.path(), dir.path());
        damage(&dir.path().join(name));
        let found = contents(dir.path());
        let opened = SledStore::at(dir.path(), SMALL).load();
        match opened {
            Ok(loaded) => {
                assert!(loaded.rows == self.rows, "{name}: {} rows, expected {}", loaded.rows.len(), self.rows.len());
                true
            }
            Err(error) => {
                let place = dir.path().to_string_lossy().into_owned();
                assert!(error.to_string().contains(&place), "the text names the place: {error}");
                assert!(!name.contains("/snap.") && !name.contains("/conf"), "{name} can be made anew: {error}");
                assert!(contents(dir.path()) == found, "a refused opening changes nothing: {error}");
                false
            }
        }
    }
}

/// All files with their content, but for the lock.
fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let names = files(dir).into_iter().filter(|name| name != "LOCK");
    names.map(|name| (name.clone(), fs::read(dir.join(name)).expect("it is there"))).collect()
}

impl Seen {
    fn count(&mut self, is_repaired: bool) {
        if is_repaired { self.repaired += 1 } else { self.refused += 1 }
    }
}

/// So many places in a file, evenly spread, the first one included.
fn spread(length: u64, places: u64) -> impl Iterator<Item = u64> {
    (0..length).step_by((length / places).max(1) as usize)
}
