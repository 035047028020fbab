//! Running seeds until one is caught.

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What came of a hunt.
#[derive(Debug)]
pub(super) enum Catch {
    /// A promise was violated.
    Found {
        /// Which.
        promise: String,
        /// How many seeds were run, with the one that did.
        seeds: u64,
        /// What was seen.
        what: String,
    },
    /// None was.
    Nothing,
}

impl Catch {
    /// What was found, if anything was.
    pub(super) fn found(&self) -> Option<&Self> {
        match self {
            Self::Found { .. } => Some(self),
            Self::Nothing => None,
        }
    }
}

impl fmt::Display for Catch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { promise, seeds, what } => write!(f, "{promise} (after {seeds} seeds): {what}"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

/// Runs at most so many seeds.
///
/// # Errors
/// If the program cannot be run, or says what nobody understands.
pub(super) fn hunt(program: &Path, from: u64, seeds: u64) -> Result<Catch> {
    let child = Command::new(program)
        .args([from, seeds, patience(seeds).as_secs()].map(|number| number.to_string()))
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let Some(said) = listen(child, patience(seeds) + HANG)? else {
        let what = format!("a seed did not end within {} s", HANG.as_secs());
        return Ok(Catch::Found { promise: "every simulation ends".to_owned(), seeds, what });
    };
    // One line: `FOUND seed S after N: promise: what`, or `NOTHING in …`.
    let Some(found) = said.trim().strip_prefix("FOUND seed ") else {
        return if said.starts_with("NOTHING") { Ok(Catch::Nothing) } else { bail!("it said `{said}`") };
    };
    let after = found.split_once(" after ").and_then(|(_, rest)| rest.split_once(": "));
    let (count, rest) = after.with_context(|| format!("it said `{said}`"))?;
    let (promise, what) = rest.split_once(": ").unwrap_or((rest, ""));
    Ok(Catch::Found { promise: promise.to_owned(), seeds: count.parse()?, what: what.to_owned() })
}

/// No further seed is begun after this time: a guard, far beyond what so many seeds take on a busy machine.
fn patience(seeds: u64) -> Duration {
    Duration::from_secs(120 + seeds / 2)
}

/// What the program says; none if it has not ended within a time, so that it hangs in a seed.
fn listen(mut child: Child, within: Duration) -> Result<Option<String>> {
    let begun = Instant::now();
    let mut stdout = child.stdout.take().context("the program has no output")?;
    let reader = thread::spawn(move || {
        let mut said = String::new();
        stdout.read_to_string(&mut said).map(|_| said)
    });
    while child.try_wait()?.is_none() {
        if begun.elapsed() > within {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(Some(reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??))
}

/// One seed takes no longer than this.
const HANG: Duration = Duration::from_secs(120);
