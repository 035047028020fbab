//! `kill -9` of a process that writes to the spool, at random moments: what it kept and did not drop is there.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_common::control::FromAgent;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{Epoch, Token};

use super::Spool;

/// What the killed process said: it had kept all up to the first number, and begun to drop all up to the second.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    kept: u64,
    dropping: u64,
}

#[test]
fn a_killed_agent_loses_no_message_that_it_kept() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut said = Said::default();
    for round in 0..ROUNDS {
        write_and_kill(folder.path(), Duration::from_millis(1 + round * 37 % 120), &mut said)?;
        let (_, restored) = Spool::open(folder.path())?;
        let found: Vec<u64> = restored.messages.iter().map(|(sequence, _)| *sequence).collect();
        let first = found.first().copied().unwrap_or(said.kept + 1);
        assert!(first <= said.dropping + 1, "round {round}: {said:?}, but the first is {first}");
        let last = found.last().copied().unwrap_or(said.dropping);
        assert!((said.kept..=said.kept + 1).contains(&last.max(said.dropping)), "round {round}: {said:?}, not {last}");
        assert!(found.iter().copied().eq(first..=last) || found.is_empty(), "round {round}: {found:?}");
        assert!(restored.messages.iter().all(|(sequence, found)| *found == message(*sequence)), "round {round}");
        said.kept = said.kept.max(last);
    }
    assert!(said.kept > ROUNDS, "hardly anything was written: {said:?}");
    Ok(())
}

/// Is started by the test above in a process of its own, with a folder; without one there is nothing to do.
#[test]
fn the_process_that_is_killed() -> anyhow::Result<()> {
    let (Ok(folder), Ok(next)) = (std::env::var(FOLDER), std::env::var(NEXT)) else { return Ok(()) };
    let (mut spool, _) = Spool::open(Path::new(&folder))?;
    spool.set_owner(77)?;
    for sequence in next.parse()?.. {
        spool.append(sequence, &message(sequence))?;
        say(&format!("kept {sequence}\n"))?;
        if sequence % 7 == 0 {
            // Now and then everything was acknowledged.
            let up_to = if sequence % 35 == 0 { sequence } else { sequence.saturating_sub(sequence % 40) };
            say(&format!("dropping {up_to}\n"))?;
            spool.trim(up_to)?;
        }
    }
    Ok(())
}

/// A line at once, so that a kill does not leave a part of it.
fn say(line: &str) -> io::Result<()> {
    io::stderr().write_all(line.as_bytes())
}

fn write_and_kill(folder: &Path, after: Duration, said: &mut Said) -> anyhow::Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--exact", "spool::kill_tests::the_process_that_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .env(NEXT, (said.kept + 1).to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let pipe = child.stderr.take().expect("it is piped");
    let mut lines = BufReader::new(pipe).split(b'\n');
    // From its first word on: when it begins differs from machine to machine.
    read(lines.next(), said)?;
    let reader = std::thread::spawn(move || -> anyhow::Result<Said> {
        let mut said = Said::default();
        lines.try_for_each(|line| read(Some(line), &mut said))?;
        Ok(said)
    });
    std::thread::sleep(after);
    child.kill()?;
    child.wait()?;
    let rest = reader.join().expect("it does not panic")?;
    *said = Said { kept: said.kept.max(rest.kept), dropping: said.dropping.max(rest.dropping) };
    Ok(())
}

fn read(line: Option<io::Result<Vec<u8>>>, said: &mut Said) -> anyhow::Result<()> {
    let line = String::from_utf8(line.unwrap_or_else(|| Ok(Vec::new()))?)?;
    let number = |number: &str| number.parse::<u64>();
    match line.split_once(' ') {
        Some(("kept", sequence)) => said.kept = number(sequence)?,
        Some(("dropping", sequence)) => said.dropping = said.dropping.max(number(sequence)?),
        Some(_) | None => anyhow::bail!("the process that is killed said: {line}"),
    }
    Ok(())
}

fn message(sequence: u64) -> FromAgent {
    let length = usize::try_from(sequence * 7919 % 12_000).expect("it is small");
    let reason = Reason::new(ReasonCode::AgentRefused, "x".repeat(length));
    FromAgent::Refused { token: Token { epoch: Epoch(1), counter: sequence }, reason }
}

const ROUNDS: u64 = 25;
const FOLDER: &str = "MUSTER_TEST_SPOOL_FOLDER";
const NEXT: &str = "MUSTER_TEST_SPOOL_NEXT";
