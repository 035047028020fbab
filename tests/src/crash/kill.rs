//! `kill -9` of a process that writes through the store, at random moments, over and over on the same store.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::check::check;
use super::figures::Figures;
use super::workload::{Acknowledged, Expected, Workload};

/// Kills a writer so many times, and looks after each that all that it acknowledged is there.
///
/// # Errors
/// If the experiment cannot be made. Broken promises are in the figures.
pub fn kill_rounds(rounds: u32, seed: u64, writer: &Path) -> Result<Figures> {
    let home = tempfile::tempdir().context("cannot make a temporary folder")?;
    let store = home.path().join("state");
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut expected = Expected::new(Workload { seed });
    let mut acknowledged = Acknowledged::default();
    let mut figures = Figures::default();
    for round in 0..rounds {
        let is_early = rng.random_range(0..5) == 0;
        let millis = if is_early { rng.random_range(1..40) } else { rng.random_range(10..600) };
        let output = write_and_kill(writer, &store, seed, Duration::from_millis(millis))?;
        output.lines().for_each(|line| acknowledged.read(line));
        if !output.contains("epoch ") {
            figures.in_recovery += 1;
        }
        // Now and then the next writer is the first that opens it again.
        let is_looked_at = round + 1 == rounds || rng.random_range(0..4) != 0;
        let result = if is_looked_at { check(&store, acknowledged, &mut expected, false) } else { Ok(()) };
        figures.count(result, || format!("round {round}, killed after {millis} ms, {acknowledged:?}"));
    }
    figures.commits = acknowledged.commit;
    Ok(figures)
}

/// What the writer had acknowledged when it was killed: whole lines only.
fn write_and_kill(writer: &Path, store: &Path, seed: u64, after: Duration) -> Result<String> {
    let mut command = Command::new(writer);
    command.arg("write").arg(store).args(["--seed", &seed.to_string()]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the writer")?;
    let mut pipe = child.stdout.take().context("its output is piped")?;
    let reader = std::thread::spawn(move || {
        let mut output = String::new();
        pipe.read_to_string(&mut output).map(|_| output)
    });
    std::thread::sleep(after);
    child.kill()?;
    child.wait()?;
    let mut output = reader.join().ok().context("the reader broke down")??;
    output.truncate(output.rfind('\n').map_or(0, |end| end + 1));
    Ok(output)
}
