//! `cargo xtask damage`: a store's files, damaged in every way, are repaired or refused with the place.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use muster_coordinator::store::{Key, RowWrite, SledOptions, SledStore, Store, Value, WriteBatch};

/// Arguments of `cargo xtask damage`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Damaged stores to open.
    #[arg(long, default_value_t = 5_000)]
    points: u64,
    /// Where the random choices begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Damages and opens, and counts what came of it.
///
/// # Errors
/// If a store was opened with other rows than were acknowledged, or was refused without a place, or changed by that.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    // A panic of sled's is expected and contained; its text is not of interest.
    std::panic::set_hook(Box::new(|_| {}));
    let home = tempfile::tempdir().context("cannot make a folder")?;
    let wholes = [Whole::closed(&home.path().join("closed"))?, Whole::in_the_middle(&home.path().join("middle"))?];
    let mut chance = Chance(arguments.seed);
    let mut seen: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for point in 0..arguments.points {
        let whole = &wholes[chance.below(2) as usize];
        let state = chance.0;
        let outcome = guarded(|| whole.damage(&mut chance, &home.path().join("damaged")))
            .with_context(|| format!("point {point}: cargo xtask damage --points 1 --seed {state}"))?;
        let counts = seen.entry(outcome.kind).or_default();
        counts[usize::from(outcome.is_refused)] += 1;
    }
    println!("damage to | opened whole | refused");
    for (kind, [repaired, refused]) in &seen {
        println!("{kind:<24} | {repaired:>6} | {refused:>6}");
    }
    let [repaired, refused] = seen.values().fold([0, 0], |sum, next| [sum[0] + next[0], sum[1] + next[1]]);
    println!(
        "damage: {} stores damaged, {repaired} opened with every row, {refused} refused with the place",
        arguments.points
    );
    Ok(())
}

/// A store's directory, and what it must hold.
struct Whole {
    dir: PathBuf,
    rows: Vec<(Key, Value)>,
    files: Vec<(String, u64)>,
}

struct Outcome {
    kind: String,
    is_refused: bool,
}

impl Whole {
    /// A store that was opened several times and closed in order.
    fn closed(dir: &Path) -> Result<Self> {
        for life in 0..2_u8 {
            let mut store = SledStore::at(dir, OPTIONS);
            store.load()?;
            let epoch = store.raise_epoch()?;
            for round in 0..40_u8 {
                let writes = [put(round % 16, vec![round ^ life; 300]), put(200, vec![round])];
                let _ = store.commit(epoch, WriteBatch::from_iter(writes))?;
            }
            let _ = store.commit(epoch, WriteBatch::from_iter([put(201, vec![life; 20_000])]))?;
        }
        Self::read(dir)
    }

    /// A store that was left while the next generation was being made.
    fn in_the_middle(dir: &Path) -> Result<Self> {
        let mut store = SledStore::at(dir, OPTIONS);
        store.load()?;
        let epoch = store.raise_epoch()?;
        for round in 0..u32::MAX {
            let writes = (0..8).map(|row| put((round * 8 + row) as u8, vec![round as u8; 4_000]));
            let _ = store.commit(epoch, WriteBatch::from_iter(writes))?;
            if round > 40 && dir.read_dir()?.filter(is_journal).count() == 2 {
                break;
            }
        }
        drop(store);
        Self::read(dir)
    }

    fn read(dir: &Path) -> Result<Self> {
        let mut names = Vec::new();
        list(dir, "", &mut names)?;
        let copy = dir.with_extension("read");
        copy_all(dir, &copy, &names)?;
        let rows = SledStore::at(&copy, OPTIONS).load()?.rows;
        fs::remove_dir_all(&copy)?;
        Ok(Self { dir: dir.to_owned(), rows, files: names })
    }

    fn damage(&self, chance: &mut Chance, copy: &Path) -> Result<Outcome> {
        drop(fs::remove_dir_all(copy));
        copy_all(&self.dir, copy, &self.files)?;
        let (name, length) = &self.files[chance.below(self.files.len() as u64) as usize];
        let path = copy.join(name);
        let what = hurt(chance, &path, *length)?;
        let (before, kind) = (contents(copy)?, format!("{}, {what}", family(name)));
        let opened = SledStore::at(copy, OPTIONS).load();
        let is_refused = match opened {
            Ok(loaded) => {
                let (found, expected) = (loaded.rows.len(), self.rows.len());
                ensure!(
                    loaded.rows == self.rows,
                    "{name}, {what}: opened with {found} rows of {expected}, or other ones"
                );
                false
            }
            Err(error) => {
                let text = error.to_string();
                ensure!(text.contains(&*copy.to_string_lossy()), "{name}, {what}: refused without a place: {text}");
                ensure!(contents(copy)? == before, "{name}, {what}: refused, and yet changed: {text}");
                true
            }
        };
        Ok(Outcome { kind, is_refused })
    }
}

/// Does something to a file.
fn hurt(chance: &mut Chance, path: &Path, length: u64) -> Result<&'static str> {
    let file = File::options().read(true).write(true).open(path)?;
    let at = chance.below(length.max(1));
    Ok(match chance.below(8) {
        0..=3 => {
            let mut byte = [0];
            if file.read_at(&mut byte, at)? == 1 {
                file.write_all_at(&[byte[0] ^ (1 << chance.below(8))], at)?;
            }
            "a bit flipped"
        }
        4..=5 => {
            file.set_len(at)?;
            "cut"
        }
        6 => {
            let zeros = vec![0; (length - at.min(length)).min(4_096) as usize];
            file.write_all_at(&zeros, at)?;
            "a block of zeros"
        }
        _ => {
            let mut file = File::options().append(true).open(path)?;
            file.write_all(&chance.0.to_le_bytes().repeat(1 + chance.below(64) as usize))?;
            "longer"
        }
    })
}

/// Runs one point; a hang is a violation too.
fn guarded(point: impl FnOnce() -> Result<Outcome> + Send) -> Result<Outcome> {
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        let running = scope.spawn(move || {
            let outcome = point();
            drop(sender);
            outcome
        });
        match receiver.recv_timeout(HANG) {
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("a damaged store was neither opened nor refused within {HANG:?}");
                // Its thread cannot be ended.
                std::process::exit(1);
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
        }
        running.join().unwrap_or_else(|_| anyhow::bail!("the store panicked"))
    })
}

fn family(name: &str) -> &str {
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(['-', '.']) {
        Some((family, _)) => family,
        None => last,
    }
}

fn is_journal(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("journal-"))
}

fn put(key: u8, value: Vec<u8>) -> RowWrite {
    RowWrite::Put { key: Key(vec![key]), value: Value(value) }
}

fn list(root: &Path, below: &str, found: &mut Vec<(String, u64)>) -> Result<()> {
    let mut entries = fs::read_dir(root.join(below))?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        match entry.metadata()? {
            metadata if metadata.is_dir() => list(root, &format!("{name}/"), found)?,
            // It holds nothing.
            _ if name == "LOCK" || name == "BALLAST" => {}
            metadata => found.push((name, metadata.len())),
        }
    }
    Ok(())
}

fn copy_all(from: &Path, to: &Path, names: &[(String, u64)]) -> Result<()> {
    for (name, _) in names {
        let target = to.join(name);
        fs::create_dir_all(target.parent().unwrap_or(to))?;
        fs::copy(from.join(name), target)?;
    }
    // sled expects the folder of its blobs, which is empty here.
    for dir in fs::read_dir(to)?.flatten().filter(|entry| entry.path().is_dir()) {
        fs::create_dir_all(dir.path().join("blobs"))?;
    }
    Ok(())
}

fn contents(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut names = Vec::new();
    list(dir, "", &mut names)?;
    names.into_iter().map(|(name, _)| Ok((name.clone(), fs::read(dir.join(name))?))).collect()
}

/// Random choices that a seed repeats.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

const OPTIONS: SledOptions = SledOptions {
    generation_bytes_min: 64 << 10,
    free_bytes_min: 1 << 20,
    ballast_bytes: 4 << 10,
    cache_bytes: 4 << 20,
};
const HANG: Duration = Duration::from_secs(60);
