//! Space is given back, and what is left over is tidied.

use std::fs;
use std::path::Path;

use muster_coordinator::store::{Key, RowWrite, Store};

use super::fixture::{SMALL, begin, commit, files, put};

#[test]
fn overwriting_makes_generations_and_keeps_the_disk_small() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, epoch) = begin(dir.path(), SMALL);
    commit(&mut store, epoch, (0..20).map(|row| put(&format!("kept/{row:02}"), vec![row; 1_000])));
    for round in 0..400_u32 {
        commit(&mut store, epoch, [put(&format!("hot/{}", round % 10), vec![round as u8; 4_000])]);
    }
    let space = store.space().expect("it is open");
    assert_eq!(space.live_rows, 30);
    assert!(space.generation > 4, "1.6 MB written, a journal may hold 64 kB: {space:?}");
    let rows = store.scan(&[]).expect("it is open");
    drop(store);
    let counting = names(dir.path());
    // The store may be closed while the next base is being written.
    assert!(counting.len() <= 4, "a base, its journal, and perhaps the next of each: {counting:?}");
    assert!(bytes_on_disk(dir.path()) < 1 << 20, "{} bytes", bytes_on_disk(dir.path()));

    let (_store, loaded, _) = begin(dir.path(), SMALL);
    assert!(loaded.rows == rows);
}

#[test]
fn a_store_is_whole_wherever_the_next_generation_stood() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, mut epoch) = begin(dir.path(), SMALL);
    let mut two_journals = 0;
    // More rows than go into the next base at one commit, so that it takes several.
    for block in 0..40_u32 {
        let rows = (0..40).map(|row| put(&format!("{:06}", block * 40 + row), vec![block as u8; 1_000]));
        commit(&mut store, epoch, rows);
    }
    for round in 0..60_u32 {
        let row = format!("{:06}", round * 397 % 1_600);
        commit(&mut store, epoch, [put(&row, vec![round as u8; 9_000]), RowWrite::Delete { key: Key(row.into()) }]);
        commit(&mut store, epoch, [put(&format!("last/{}", round % 7), round.to_le_bytes())]);
        if round % 4 == 0 {
            let rows = store.scan(&[]).expect("it is open");
            drop(store);
            let journals = names(dir.path()).iter().filter(|name| name.starts_with("journal-")).count();
            two_journals += usize::from(journals == 2);
            let loaded;
            (store, loaded, epoch) = begin(dir.path(), SMALL);
            assert!(loaded.rows == rows, "round {round}");
        }
    }
    assert!(two_journals > 0, "a generation was met while it was being made");
}

#[test]
fn sled_never_moves_a_page_into_a_file_that_it_does_not_sync() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, epoch) = begin(dir.path(), SMALL);
    for round in 0..20_u8 {
        let live = (0..10).map(|row| put(&format!("{row}"), vec![round; 50_000]));
        commit(&mut store, epoch, live);
        let blobs: Vec<_> = files(dir.path()).into_iter().filter(|name| name.contains("/blobs/")).collect();
        assert!(blobs.is_empty(), "{blobs:?}");
    }
}

#[test]
fn what_was_written_but_not_acknowledged_moves_to_a_new_generation() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, epoch) = begin(dir.path(), SMALL);
    commit(&mut store, epoch, [put("a", "1")]);
    let older_mark = fs::read(dir.path().join("TAIL")).expect("it is there");
    commit(&mut store, epoch, [put("b", "2")]);
    commit(&mut store, epoch, [put("c", "3")]);
    let before = store.space().expect("it is open").generation;
    drop(store);

    // As after a power cut: the mark is older than the journal.
    fs::write(dir.path().join("TAIL"), older_mark).expect("it can be written");
    let (store, loaded, _) = begin(dir.path(), SMALL);
    assert_eq!(loaded.rows.len(), 3);
    assert_eq!(store.space().expect("it is open").generation, before + 2);
    drop(store);
    let (store, loaded, _) = begin(dir.path(), SMALL);
    assert_eq!(loaded.rows.len(), 3);
    assert_eq!(store.space().expect("it is open").generation, before + 2, "an orderly end needs no new generation");
}

#[test]
fn a_generation_that_was_never_named_is_removed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, epoch) = begin(dir.path(), SMALL);
    commit(&mut store, epoch, [put("a", "1"), RowWrite::Delete { key: Key(vec![9]) }]);
    drop(store);
    let orphan = dir.path().join("journal-0000000002");
    fs::create_dir(&orphan).expect("it can be made");
    fs::write(orphan.join("db"), "cut off").expect("it can be written");
    fs::write(dir.path().join("base-0000000002"), "cut off").expect("it can be written");
    let (_store, loaded, _) = begin(dir.path(), SMALL);
    assert_eq!(loaded.rows.len(), 1);
    assert_eq!(names(dir.path()), ["base-0000000001", "journal-0000000001"]);
}

/// Bases and journals.
fn names(root: &Path) -> Vec<String> {
    let names = fs::read_dir(root).expect("it can be read").map(|entry| entry.expect("it can be read").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut found: Vec<_> = names.filter(|name| name.starts_with("base-") || name.starts_with("journal-")).collect();
    found.sort();
    found
}

fn bytes_on_disk(root: &Path) -> u64 {
    files(root).iter().map(|name| fs::metadata(root.join(name)).expect("it is there").len()).sum()
}
