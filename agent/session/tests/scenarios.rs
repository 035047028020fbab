//! Scripted inputs with golden outputs: every file of `scenarios/` is a transcript.
//!
//! Lines that begin with `>` are inputs, `#` begins a comment; every other line is what the session asked for.
//! `MUSTER_UPDATE_GOLDEN=1` writes the outputs anew.
#![expect(clippy::disallowed_methods, reason = "a test reads its scenarios from files")]

mod script;

use std::path::{Path, PathBuf};

use script::Script;

#[test]
fn every_scenario_gives_its_golden_output() {
    let update = std::env::var("MUSTER_UPDATE_GOLDEN").is_ok_and(|value| value == "1");
    let mut differing = Vec::new();
    for path in scenario_files() {
        let golden = std::fs::read_to_string(&path).expect("a listed scenario can be read");
        let transcript = transcribe(&path, &golden);
        if transcript == golden {
            continue;
        }
        if update {
            std::fs::write(&path, transcript).expect("a scenario can be written");
        } else {
            differing.push(format!("{}\n{}", path.display(), first_difference(&golden, &transcript)));
        }
    }
    assert!(differing.is_empty(), "run again with MUSTER_UPDATE_GOLDEN=1 if this is meant:\n{}", differing.join("\n"));
}

fn transcribe(path: &Path, golden: &str) -> String {
    let mut script = Script::default();
    let mut transcript = String::new();
    for line in golden.lines() {
        let Some(input) = line.strip_prefix('>') else {
            if line.starts_with('#') || line.is_empty() {
                transcript.push_str(line);
                transcript.push('\n');
            }
            continue;
        };
        transcript.push_str(line);
        transcript.push('\n');
        for output in script.feed(input.trim()).unwrap_or_else(|error| panic!("{}: {line}: {error}", path.display())) {
            transcript.push_str(&output);
            transcript.push('\n');
        }
    }
    transcript
}

fn first_difference(golden: &str, transcript: &str) -> String {
    let place = golden.lines().zip(transcript.lines()).take_while(|(one, other)| one == other).count();
    let show = |text: &str| text.lines().skip(place).take(4).collect::<Vec<_>>().join("\n    ");
    format!("line {}: golden\n    {}\n  now\n    {}", place + 1, show(golden), show(transcript))
}

fn scenario_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).expect("the scenarios are beside this test");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be listed").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}
