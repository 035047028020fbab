//! House rules that a machine can check. See docs/STYLE.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines that a source file may have without its tests, before it should be split.
const LINES_MAX: usize = 600;
/// Names of files that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "misc", "manager", "imp", "common_utils"];

#[test]
fn no_source_file_outgrows_its_idea() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|path| !is_test(path))
        .filter_map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
            (lines > LINES_MAX).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines without tests: {long:#?}");
}

#[test]
fn every_file_has_a_name_that_says_something() {
    let empty: Vec<_> = sources()
        .into_iter()
        .filter(|path| path.file_stem().is_some_and(|stem| EMPTY_NAMES.iter().any(|name| stem == *name)))
        .collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

#[test]
fn nothing_unfinished_is_left_in_the_sources() {
    let marks = ["todo!", "unimplemented!", concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut found = Vec::new();
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source file is text");
        // A directive of TAP has the same name.
        let speaks_tap = path.ends_with("report/tap.rs") || path.ends_with("report/hostile.rs");
        for (number, line) in text.lines().enumerate().filter(|_| !speaks_tap) {
            if marks.iter().any(|mark| line.contains(mark)) && !path.ends_with("tidy.rs") {
                found.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn module_roots_explain_declare_and_re_export() {
    let mut wrong = Vec::new();
    for path in sources() {
        let is_root = path.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs");
        if !is_root || is_test(&path) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file is text");
        if !text.trim_start().starts_with("//!") {
            wrong.push(format!("{} does not say what it is", path.display()));
        }
        if text.lines().any(|line| line.starts_with("pub use") && line.contains("::*")) {
            wrong.push(format!("{} re-exports everything", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn documents_link_only_to_files_that_exist() {
    let root = root();
    let mut broken = Vec::new();
    for path in tracked(&root).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        let text = fs::read_to_string(&path).expect("a document is text");
        let folder = path.parent().expect("a file lies in a folder");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            let is_local = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
            if is_local && !target.contains(' ') && !folder.join(target).exists() {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_reason_has_its_line_in_the_reference() {
    let page = fs::read_to_string(root().join("docs/reference/reasons.md")).expect("the page is there");
    let missing: Vec<_> = muster_common::error_code::ReasonCode::ALL
        .iter()
        .map(|code| code.word())
        .filter(|word| !page.contains(&format!("| `{word}` |")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|stem| stem == "tests" || stem == "round_trip")
}

fn sources() -> Vec<PathBuf> {
    let files = tracked(&root());
    files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

fn tracked(root: &Path) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()
        .expect("git is installed, as its repository is checked");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).expect("our file names are UTF-8");
    names.split('\0').filter(|name| !name.is_empty()).map(|name| root.join(name)).filter(|path| path.exists()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the repository").to_path_buf()
}
