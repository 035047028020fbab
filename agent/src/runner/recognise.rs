//! Which runner fits a directory, and why.

mod node;

use std::path::{Path, PathBuf};

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
    for (file, runner) in MARKS {
        if directory.join(file).is_file() && !candidates.iter().any(|known| known.runner.name() == runner) {
            let runner = Runner::named(runner, Vec::new());
            candidates.extend(runner.map(|runner| Candidate { runner, evidence: file.to_owned() }));
        }
    }
    candidates.extend(node::candidates(directory));
    candidates.extend(python(directory));
    if !candidates.iter().any(|known| known.runner.name() == "rspec") {
        candidates.extend(minitest(directory));
    }
    candidates
}

/// Pytest, and unittest where a test file is written for it: pytest runs those too.
fn python(directory: &Path) -> Vec<Candidate> {
    let Some(evidence) = pytest_evidence(directory) else { return Vec::new() };
    let file = directory.join(&evidence);
    let pytest = Candidate { runner: Runner::Pytest { args: Vec::new() }, evidence: evidence.clone() };
    let is_small = file.metadata().is_ok_and(|metadata| metadata.len() <= CONFIG_BYTES_MAX);
    let is_unittest = is_small && std::fs::read_to_string(file).is_ok_and(|text| text.contains("import unittest"));
    let unittest = Candidate { runner: Runner::Unittest { args: Vec::new() }, evidence };
    std::iter::once(pytest).chain(is_unittest.then_some(unittest)).collect()
}

fn minitest(directory: &Path) -> Option<Candidate> {
    let is_test =
        |name: &str| name.strip_suffix(".rb").is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"));
    let mut entries_left = ENTRIES_MAX;
    let file = find_file(&directory.join("test"), &is_test, DEPTH_MAX, &mut entries_left)?;
    let evidence = file.strip_prefix(directory).unwrap_or(&file).display().to_string();
    Some(Candidate { runner: Runner::Minitest { args: Vec::new() }, evidence })
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
    find_file(directory, &is_test_file, DEPTH_MAX, &mut entries_left)
        .map(|file| file.strip_prefix(directory).unwrap_or(&file).display().to_string())
}

fn has_section(file: &Path, section: &str) -> bool {
    let Ok(metadata) = file.metadata() else { return false };
    metadata.len() <= CONFIG_BYTES_MAX
        && std::fs::read_to_string(file)
            .is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with(section)))
}

/// The first file in the order of names that is one of tests.
fn find_file(directory: &Path, is_test: &dyn Fn(&str) -> bool, depth: u32, entries_left: &mut u32) -> Option<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(directory).ok()?.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut folders = Vec::new();
    for entry in entries {
        *entries_left = entries_left.checked_sub(1)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !name.starts_with('.') && !NOT_SEARCHED.contains(&name.as_str()) {
            folders.push(entry.path());
        } else if kind.is_file() && is_test(&name) {
            return Some(entry.path());
        }
    }
    let depth = depth.checked_sub(1)?;
    folders.iter().find_map(|folder| find_file(folder, is_test, depth, entries_left))
}

fn is_test_file(name: &str) -> bool {
    name.strip_suffix(".py")
        .is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test") || stem == "conftest")
}

/// Files that speak for a runner all by themselves.
const MARKS: [(&str, &str); 9] = [
    ("go.mod", "go"),
    ("pom.xml", "maven"),
    ("build.gradle", "gradle"),
    ("build.gradle.kts", "gradle"),
    ("phpunit.xml", "phpunit"),
    ("phpunit.xml.dist", "phpunit"),
    (".rspec", "rspec"),
    ("spec/spec_helper.rb", "rspec"),
    ("CTestTestfile.cmake", "ctest"),
];
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

    #[test]
    fn other_languages_are_known_by_their_files() {
        let found = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for (name, text) in files {
                let file = folder.path().join(name);
                std::fs::create_dir_all(file.parent().expect("a file has a folder")).expect("folders");
                std::fs::write(file, text).expect("a file");
            }
            names(folder.path(), false).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(found(&[("go.mod", "module x")]), ["go"]);
        assert_eq!(found(&[("pom.xml", ""), ("build.gradle", ""), ("build.gradle.kts", "")]), ["maven", "gradle"]);
        assert_eq!(found(&[("phpunit.xml.dist", "")]), ["phpunit"]);
        assert_eq!(found(&[(".rspec", ""), ("test/test_a.rb", "")]), ["rspec"]);
        assert_eq!(found(&[("test/unit/a_test.rb", "")]), ["minitest"]);
        let package = r#"{"scripts": {"test": "mocha --exit"}, "devDependencies": {"vitest": "4", "mocha": "11"}}"#;
        assert_eq!(found(&[("package.json", package)]), ["mocha", "vitest"]);
        assert_eq!(found(&[("package.json", "{}")]), [""; 0]);
        assert_eq!(found(&[("test_a.py", "import unittest\n")]), ["pytest", "unittest"]);
    }
}
