//! Writes that fail in the middle of a life.

use std::path::Path;
use std::process::{Command, Stdio};

use muster_coordinator::store::{CommitError, Key, SledOptions, Store, StoreError, Value, WriteBatch};

use super::fixture::{SMALL, begin, put};

/// The system refuses to let sled's log grow: the commit fails, the store takes no other until it is loaded again, and
/// then every acknowledged row is there. Runs in a process of its own, with the limit on its files.
#[test]
fn a_failed_write_stops_the_store_and_loading_again_recovers_it() {
    if let Some(dir) = std::env::var_os(LIMITED_DIR) {
        outlive_failures(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    // A signal that is ignored stays ignored in the program that is run; the write then fails instead.
    let script = format!("trap '' XFSZ; ulimit -f {LIMIT_BLOCKS}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", "failures::a_failed_write_stops_the_store_and_loading_again_recovers_it"]);
    command.env(LIMITED_DIR, dir.path()).stdin(Stdio::null());
    let output = command.output().expect("a shell can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn outlive_failures(dir: &Path) {
    let (mut store, _, mut epoch) = begin(dir, OPTIONS);
    let mut rows = Vec::new();
    for failure in 0..3_u8 {
        let refused = loop {
            let row = format!("{:06}", rows.len());
            let value = vec![failure; 4_000];
            match store.commit(epoch, WriteBatch::from_iter([put(&row, value.clone())])) {
                Ok(_) => rows.push((Key(row.into()), Value(value))),
                Err(error) => break error,
            }
            assert!(rows.len() < 5_000, "the limit on the log is reached");
        };
        assert!(matches!(refused, CommitError::NoSpace { .. }), "{refused}");
        let refused = store.commit(epoch, WriteBatch::from_iter([put("another", "1")])).expect_err("outcome unknown");
        assert!(matches!(refused, CommitError::Store(StoreError::Poisoned { .. })), "{refused}");
        assert!(matches!(store.raise_epoch(), Err(StoreError::Poisoned { .. })));

        let loaded = store.load().expect("what is durable can be read");
        assert!(loaded.rows.starts_with(&rows), "{} rows, {} acknowledged", loaded.rows.len(), rows.len());
        assert!(loaded.rows.len() <= rows.len() + 1, "only the failed commit may be there besides");
        epoch = store.raise_epoch().expect("it writes again");
        // Room for the next: the rows make way for a few new ones.
        let mut batch = WriteBatch::default();
        loaded.rows.into_iter().for_each(|(key, _)| batch.delete(key));
        let _ = store.commit(epoch, batch).expect("it writes again");
        rows.clear();
    }
}

const LIMITED_DIR: &str = "MUSTER_STORE_LIMITED_DIR";
/// 512 bytes each: a log of 2 MiB.
const LIMIT_BLOCKS: u32 = 4_096;
/// No generation is ended by its size here.
const OPTIONS: SledOptions = SledOptions { generation_bytes_min: 1 << 30, ..SMALL };
