//! kill -9 of a process that writes through the store.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use muster_coordinator::store::{Key, RowWrite, SledOptions, Store, Value, WriteBatch};

use super::fixture::{SMALL, begin, put};

/// Every acknowledged commit is there and none is half there, over many lives on the same directory. The test runs
/// itself as the writer.
#[test]
fn kill_nine_loses_nothing_acknowledged() {
    if let Some(dir) = std::env::var_os(WRITER_DIR) {
        write_until_killed(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (mut last, mut epoch) = (0, 0);
    for round in 0..ROUNDS {
        let acknowledged = one_life(dir.path(), round).unwrap_or(last);
        let (_store, loaded, raised) = begin(dir.path(), OPTIONS);
        assert!(raised.0 > epoch, "round {round}: the epoch is raised in each life");
        epoch = raised.0;
        let found = loaded.rows.iter().find(|(key, _)| key.0 == b"last").map_or(0, |(_, value)| number(&value.0));
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "round {round}: {acknowledged} was acknowledged, {found} is there"
        );
        assert!(loaded.rows == rows_after(found), "round {round}: commit {found} is half there");
        last = found;
    }
    assert!(last > u64::from(ROUNDS), "the writers got to write: {last} commits");
}

/// Starts a writer, kills it, and says what it acknowledged last.
fn one_life(dir: &Path, round: u32) -> Option<u64> {
    let mut writer = Writer::start(dir);
    // Every fourth is killed while it opens the store, the others soon after a certain commit.
    let wanted = if round % 4 == 3 { 0 } else { 1 + (round * 37) % 40 };
    let mut acknowledged = None;
    for _ in 0..wanted {
        acknowledged = Some(writer.next_acknowledged().expect("the writer goes on until it is killed"));
    }
    std::thread::sleep(Duration::from_micros(u64::from(round * 7_919 % 4_000)));
    writer.child.kill().expect("it is a child of this process");
    while let Some(next) = writer.next_acknowledged() {
        acknowledged = Some(next);
    }
    writer.child.wait().expect("it is a child of this process");
    acknowledged
}

struct Writer {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Writer {
    fn start(dir: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.args(["--exact", "kill::kill_nine_loses_nothing_acknowledged", "--nocapture"]);
        command.env(WRITER_DIR, dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("this program can be run");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        Self { child, output }
    }

    /// The next commit that is acknowledged in a whole line; none at the end.
    fn next_acknowledged(&mut self) -> Option<u64> {
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).expect("a pipe can be read");
            let whole = line.strip_suffix('\n')?;
            if let Some(commit) = whole.strip_prefix(ACKNOWLEDGED) {
                return Some(commit.parse().expect("the writer prints numbers"));
            }
        }
    }
}

fn write_until_killed(dir: &Path) {
    let (mut store, loaded, epoch) = begin(dir, OPTIONS);
    let found = loaded.rows.iter().find(|(key, _)| key.0 == b"last");
    let mut commit = found.map_or(0, |(_, value)| number(&value.0));
    let mut output = std::io::stdout();
    loop {
        commit += 1;
        let committed = store.commit(epoch, WriteBatch::from_iter(writes_of(commit)));
        let _ = committed.expect("the commit succeeds");
        // Ends with the parent at the latest: its end of the pipe is gone then.
        writeln!(output, "{ACKNOWLEDGED}{commit}").and_then(|()| output.flush()).expect("somebody listens");
    }
}

/// Each commit adds a row, removes an old one, and replaces one of several frames.
fn writes_of(commit: u64) -> Vec<RowWrite> {
    let mut writes = vec![
        put(&format!("row/{commit:010}"), content(commit, 200)),
        put("large", content(commit, 8_000)),
        put("last", commit.to_le_bytes()),
    ];
    if commit > KEPT {
        writes.push(RowWrite::Delete { key: Key(format!("row/{:010}", commit - KEPT).into()) });
    }
    writes
}

fn rows_after(commit: u64) -> Vec<(Key, Value)> {
    let mut rows = Vec::new();
    if commit > 0 {
        rows.push((Key("large".into()), Value(content(commit, 8_000))));
        rows.push((Key("last".into()), Value(commit.to_le_bytes().to_vec())));
    }
    let first = commit.saturating_sub(KEPT) + 1;
    rows.extend((first..=commit).map(|commit| (Key(format!("row/{commit:010}").into()), Value(content(commit, 200)))));
    rows
}

fn content(commit: u64, bytes: usize) -> Vec<u8> {
    commit.to_le_bytes().into_iter().cycle().take(bytes).collect()
}

fn number(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// A new generation about every twentieth commit.
const OPTIONS: SledOptions = SledOptions { generation_bytes_min: 192 << 10, ..SMALL };
const WRITER_DIR: &str = "MUSTER_STORE_WRITER_DIR";
const ACKNOWLEDGED: &str = "acknowledged ";
const ROUNDS: u32 = 20;
const KEPT: u64 = 50;
