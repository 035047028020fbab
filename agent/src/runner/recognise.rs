//! Which runner fits a directory, and why.

use std::path::Path;

use muster_common::spec::Runner;

/// A runner that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The runner, without arguments.
    pub runner: Runner,
    /// What speaks for it, such as `Cargo.toml, and cargo-nextest is installed`.
    pub evidence: String,
}

/// The runners that fit `directory`, the most likely first. `is_installed` says whether a program is at hand, such as
/// `cargo-nextest`.
#[must_use]
pub fn recognise(directory: &Path, is_installed: &dyn Fn(&str) -> bool) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    if directory.join("Cargo.toml").is_file() {
        candidates.extend(cargo(is_installed("cargo-nextest")));
    }
    if let Some(evidence) = pytest_evidence(directory) {
        candidates.push(Candidate { runner: Runner::Pytest { args: Vec::new() }, evidence });
    }
    candidates
}

fn cargo(has_nextest: bool) -> Vec<Candidate> {
    let plain =
        |evidence: &str| Candidate { runner: Runner::CargoTest { args: Vec::new() }, evidence: evidence.to_owned() };
    if !has_nextest {
        return vec![plain("Cargo.toml; cargo-nextest is not installed")];
    }
    let nextest = Candidate {
        runner: Runner::CargoNextest { args: Vec::new() },
        evidence: "Cargo.toml, and cargo-nextest is installed".to_owned(),
    };
    vec![nextest, plain("Cargo.toml")]
}

fn pytest_evidence(directory: &Path) -> Option<String> {
    let file = PYTEST_FILES.iter().find(|name| directory.join(name).is_file());
    if let Some(name) = file {
        return Some((*name).to_owned());
    }
    let section = PYTEST_SECTIONS.iter().find(|(name, section)| has_section(&directory.join(name), section));
    if let Some((name, section)) = section {
        return Some(format!("`{section}` in {name}"));
    }
    let mut entries_left = ENTRIES_MAX;
    find_test_file(directory, DEPTH_MAX, &mut entries_left)
        .map(|file| file.strip_prefix(directory).unwrap_or(&file).display().to_string())
}

fn has_section(file: &Path, section: &str) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    metadata.len() <= CONFIG_BYTES_MAX
        && std::fs::read_to_string(file)
            .is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with(section)))
}

/// The first file in the order of names that pytest would take for tests.
fn find_test_file(directory: &Path, depth: u32, entries_left: &mut u32) -> Option<std::path::PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(directory).ok()?.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut folders = Vec::new();
    for entry in entries {
        *entries_left = entries_left.checked_sub(1)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !name.starts_with('.') && !NOT_SEARCHED.contains(&name.as_str()) {
            folders.push(entry.path());
        } else if kind.is_file() && is_test_file(&name) {
            return Some(entry.path());
        }
    }
    let depth = depth.checked_sub(1)?;
    folders.iter().find_map(|folder| find_test_file(folder, depth, entries_left))
}

fn is_test_file(name: &str) -> bool {
    name.strip_suffix(".py")
        .is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test") || stem == "conftest")
}

const PYTEST_FILES: [&str; 5] = ["pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "conftest.py"];
const PYTEST_SECTIONS: [(&str, &str); 3] =
    [("pyproject.toml", "[tool.pytest"), ("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]")];
const NOT_SEARCHED: [&str; 5] = ["node_modules", "target", "venv", "build", "dist"];
const DEPTH_MAX: u32 = 4;
const ENTRIES_MAX: u32 = 20_000;
const CONFIG_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path, has_nextest: bool) -> Vec<(&'static str, String)> {
        let candidates = recognise(directory, &|program| has_nextest && program == "cargo-nextest");
        candidates.into_iter().map(|candidate| (candidate.runner.name(), candidate.evidence)).collect()
    }

    #[test]
    fn rust_is_known_by_its_manifest_and_python_by_its_configuration_or_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(names(folder.path(), true), []);
        std::fs::create_dir_all(folder.path().join("src/tests")).expect("folders");
        std::fs::write(folder.path().join("src/tests/test_a.py"), "").expect("a file");
        assert_eq!(names(folder.path(), true), [("pytest", "src/tests/test_a.py".to_owned())]);
        std::fs::write(folder.path().join("pyproject.toml"), "[tool.pytest.ini_options]\n").expect("a file");
        std::fs::write(folder.path().join("Cargo.toml"), "").expect("a file");
        let found: Vec<_> = names(folder.path(), true).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["cargo-nextest", "cargo-test", "pytest"]);
        assert_eq!(names(folder.path(), false)[1], ("pytest", "`[tool.pytest` in pyproject.toml".to_owned()));
    }
}
