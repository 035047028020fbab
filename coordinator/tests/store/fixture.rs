//! Stores in temporary directories, and rows to fill them with.

use std::fs;
use std::path::Path;

use muster_common::id::Epoch;
use muster_coordinator::store::{Key, Loaded, RowWrite, SledOptions, SledStore, Store, Value, WriteBatch};

/// Small generations, so that short tests see several of them.
pub(crate) const SMALL: SledOptions = SledOptions {
    generation_bytes_min: 64 << 10,
    free_bytes_min: 1 << 20,
    ballast_bytes: 64 << 10,
    cache_bytes: 4 << 20,
};

/// Opens the store and begins a life.
pub(crate) fn begin(dir: &Path, options: SledOptions) -> (SledStore, Loaded, Epoch) {
    let mut store = SledStore::at(dir, options);
    let loaded = store.load().expect("the store opens");
    let epoch = store.raise_epoch().expect("the epoch is raised");
    (store, loaded, epoch)
}

/// One put.
pub(crate) fn put(key: &str, value: impl Into<Vec<u8>>) -> RowWrite {
    RowWrite::Put { key: Key(key.into()), value: Value(value.into()) }
}

/// Commits these writes, which must succeed.
pub(crate) fn commit(store: &mut dyn Store, epoch: Epoch, writes: impl IntoIterator<Item = RowWrite>) {
    let batch = WriteBatch::from_iter(writes);
    let expected = batch.len();
    let committed = store.commit(epoch, batch).expect("the commit succeeds");
    assert_eq!((committed.epoch(), committed.writes()), (epoch, expected));
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
}

/// All files below a directory, by their paths relative to it.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().expect("it has a type").is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}
