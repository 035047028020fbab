//! Every file of `tests/scenarios` is run line by line; what comes of a line stands below it, after `>`.
//!
//! `MUSTER_UPDATE_GOLDEN=1` writes what comes now into the files, for a person to read before it is committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use muster_common::time::Monotonic;
use muster_scheduler::Input;

use crate::render;
use crate::script::{Line, Script};
use crate::world::{World, at};

#[test]
fn every_scenario_gives_what_stands_in_its_file() -> Result<()> {
    let mut wrong = Vec::new();
    let files = files()?;
    ensure!(files.len() >= 25, "only {} scenarios were found", files.len());
    for file in files {
        let golden = fs::read_to_string(&file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = replay(&golden).with_context(|| name.clone())?;
        if std::env::var_os("MUSTER_UPDATE_GOLDEN").is_some() {
            fs::write(&file, &found)?;
        } else if found != golden {
            wrong.push(format!("{name}:\n{}", difference(&golden, &found)));
        }
    }
    ensure!(wrong.is_empty(), "MUSTER_UPDATE_GOLDEN=1 updates the files, if this is right:\n{}", wrong.join("\n"));
    Ok(())
}

fn files() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    Ok(files)
}

/// The script with what comes of each of its lines.
fn replay(golden: &str) -> Result<String> {
    Ok(played(golden)?.1)
}

/// The state after a script, and the script with what comes of each of its lines.
pub(crate) fn played(golden: &str) -> Result<(World, String)> {
    let mut script = Script::default();
    script.config.early_shards = false;
    let mut world = None;
    let mut text = String::new();
    for (number, line) in golden.lines().enumerate().filter(|(_, line)| !line.starts_with("> ")) {
        text.push_str(line);
        text.push('\n');
        let parsed = script.line(line).with_context(|| format!("line {}: {line}", number + 1))?;
        let world = match parsed {
            Line::Quiet => continue,
            Line::Wait(_) | Line::Restart(_) | Line::Step(..) => {
                world.get_or_insert_with(|| World::new(script.config.clone()))
            }
        };
        play(world, parsed, &mut text);
    }
    Ok((world.unwrap_or_else(|| World::new(script.config.clone())), text))
}

fn play(world: &mut World, line: Line, text: &mut String) {
    match line {
        Line::Quiet => {}
        Line::Wait(time) => advance(world, at(time), text),
        Line::Restart(time) => {
            advance(world, at(time), text);
            for effect in world.restart(at(time)) {
                say(text, &render::effect(&effect));
            }
        }
        Line::Step(time, input) => {
            // A stall is known when it is over, and no deadline was looked at meanwhile.
            let stalled = if let Input::Stalled { span } = &input { *span } else { Duration::ZERO };
            advance(world, at(time) - stalled, text);
            let step = world.step(at(time), input);
            write(text, &step);
        }
    }
}

/// Steps every deadline that is due until then.
fn advance(world: &mut World, until: Monotonic, text: &mut String) {
    let mut rounds = 0;
    while let Some(due) = world.scheduler.next_deadline().filter(|due| *due <= until) {
        let step = world.step(due, Input::Deadline);
        if !step.writes.is_empty() || !step.effects.is_empty() {
            say(text, &format!("deadline at {}", render::seconds(due)));
            write(text, &step);
        }
        rounds += 1;
        assert!(rounds < 10_000, "deadlines do not come to an end before {until}");
    }
}

fn write(text: &mut String, step: &muster_scheduler::Step) {
    for write in &step.writes {
        say(text, &render::write(write));
    }
    for effect in &step.effects {
        say(text, &render::effect(effect));
    }
}

fn say(text: &mut String, line: &str) {
    text.push_str("> ");
    text.push_str(line);
    text.push('\n');
}

/// The first lines that differ, with some before them.
fn difference(golden: &str, found: &str) -> String {
    let (golden, found): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), found.lines().collect());
    let same = golden.iter().zip(&found).take_while(|(golden, found)| golden == found).count();
    let before = golden[same.saturating_sub(5)..same].iter().map(|line| format!("    {line}"));
    let gone = golden[same..].iter().take(8).map(|line| format!("  - {line}"));
    let new = found[same..].iter().take(8).map(|line| format!("  + {line}"));
    before.chain(gone).chain(new).collect::<Vec<_>>().join("\n")
}
