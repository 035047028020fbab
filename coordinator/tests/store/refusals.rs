//! What a store refuses, and how it says so.

use std::fs;

use muster_common::id::Epoch;
use muster_coordinator::store::{
    BaseFault, CommitError, ManifestFault, OpenError, SledOptions, SledStore, Store, StoreError, TailFault,
    VALUE_BYTES_MAX, WriteBatch,
};

use super::fixture::{SMALL, begin, commit, put};

#[test]
fn a_second_coordinator_on_the_directory_is_told_who_holds_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _, _) = begin(dir.path(), SMALL);
    let refused = SledStore::at(dir.path(), SMALL).load().expect_err("it is in use");
    assert!(matches!(refused, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
    assert!(refused.to_string().contains("in use by process"), "{refused}");
    drop(store);
    assert!(SledStore::at(dir.path(), SMALL).load().is_ok());
}

#[test]
fn a_stale_epoch_writes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, first) = begin(dir.path(), SMALL);
    let second = store.raise_epoch().expect("it is raised");
    assert!(second > first);
    for given in [first, Epoch(second.0 + 1)] {
        let refused = store.commit(given, WriteBatch::from_iter([put("a", "1")])).expect_err("it is another life's");
        assert!(matches!(refused, CommitError::StaleEpoch { current, .. } if current == second), "{refused}");
    }
    commit(&mut store, second, [put("b", "2")]);
    drop(store);
    let (_store, loaded, third) = begin(dir.path(), SMALL);
    assert_eq!((loaded.rows.len(), loaded.epoch), (1, second));
    assert!(third > second);
}

#[test]
fn a_store_that_is_not_loaded_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = SledStore::at(dir.path(), SMALL);
    assert!(matches!(store.raise_epoch(), Err(StoreError::NotLoaded)));
    let refused = store.commit(Epoch(0), WriteBatch::default());
    assert!(matches!(refused, Err(CommitError::Store(StoreError::NotLoaded))));
}

#[test]
fn a_row_over_its_limit_is_refused_and_the_store_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, epoch) = begin(dir.path(), SMALL);
    let batch = WriteBatch::from_iter([put("a", vec![0; VALUE_BYTES_MAX + 1])]);
    assert!(matches!(store.commit(epoch, batch), Err(CommitError::TooLarge { .. })));
    commit(&mut store, epoch, [put("a", "1")]);
}

#[test]
fn a_full_disk_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _, epoch) = begin(dir.path(), SMALL);
    commit(&mut store, epoch, [put("a", "1")]);
    drop(store);
    let mut store = SledStore::at(dir.path(), SledOptions { free_bytes_min: 1 << 60, ..SMALL });
    let loaded = store.load().expect("reading needs little room");
    assert_eq!(loaded.rows.len(), 1);
    assert!(matches!(store.raise_epoch(), Err(StoreError::NoSpace { .. })));
    let refused = store.commit(epoch, WriteBatch::from_iter([put("b", "2")])).expect_err("there is no room");
    assert!(matches!(refused, CommitError::NoSpace { .. }), "{refused}");
    drop(store);
    let (_store, loaded, _) = begin(dir.path(), SMALL);
    assert_eq!((loaded.rows.len(), loaded.epoch), (1, epoch));
}

#[test]
fn a_manifest_of_a_newer_coordinator_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(begin(dir.path(), SMALL));
    let path = dir.path().join("MANIFEST");
    let text = fs::read_to_string(&path).expect("it is there");
    fs::write(&path, text.replace("version: 2", "version: 3")).expect("it can be written");
    let refused = SledStore::at(dir.path(), SMALL).load().expect_err("it cannot be read");
    let is_named = matches!(&refused, OpenError::Manifest { fault: ManifestFault::UnknownVersion { found, .. }, .. } if found == "3");
    assert!(is_named, "{refused}");
}

#[test]
fn a_missing_file_is_not_taken_for_an_empty_store() {
    for name in ["MANIFEST", "TAIL", "base-0000000001", "journal-0000000001/db"] {
        let dir = tempfile::tempdir().expect("a directory");
        drop(begin(dir.path(), SMALL));
        fs::remove_file(dir.path().join(name)).expect("it is there");
        let refused = SledStore::at(dir.path(), SMALL).load().expect_err("a file is missing");
        match (name, &refused) {
            ("MANIFEST", OpenError::Manifest { fault: ManifestFault::Missing, .. })
            | ("TAIL", OpenError::TailMark { fault: TailFault::Missing, .. })
            | ("base-0000000001", OpenError::Base { fault: BaseFault::Missing, .. })
            | ("journal-0000000001/db", OpenError::Engine { .. }) => {}
            _ => panic!("{name}: {refused}"),
        }
    }
}

#[test]
fn a_creation_that_was_cut_short_begins_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = SledStore::at(dir.path(), SMALL);
    store.load().expect("it is created");
    drop(store);
    // Nothing was acknowledged yet, and the manifest is the last to be written.
    fs::remove_file(dir.path().join("MANIFEST")).expect("it is there");
    let (_store, loaded, epoch) = begin(dir.path(), SMALL);
    assert_eq!((loaded.rows.len(), epoch), (0, Epoch(1)));
}
