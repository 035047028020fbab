//! The suites: where each comes from, and how its runner runs it alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use muster_tests::junit::Verdicts;

use crate::task::{must_run, python_with};

/// A suite of somebody else's.
pub(crate) struct Suite {
    /// Name and version.
    pub(crate) name: &'static str,
    /// Muster's runner for it.
    pub(crate) runner: &'static str,
    /// `test`, or `run` where a pipeline file says how.
    pub(crate) subcommand: &'static str,
    /// Fetches it into a folder, if it is not there.
    pub(crate) prepare: fn(&Path) -> Result<Prepared>,
    /// Makes names alike that the two ways write differently.
    pub(crate) alike: fn(Verdicts) -> Verdicts,
    /// Runs it by its runner alone, which writes JUnit XML.
    pub(crate) alone: fn(&Prepared, &Path) -> Result<()>,
}

/// A suite that can be run.
pub(crate) struct Prepared {
    /// Its sources.
    pub(crate) directory: PathBuf,
    /// Variables that it needs.
    pub(crate) env: Vec<(String, String)>,
}

/// Every suite that is compared.
pub(crate) fn all() -> Vec<Suite> {
    vec![
        Suite {
            name: "click-8.5.1",
            runner: "pytest",
            subcommand: "test",
            prepare: |home| python_suite(home, "click", "8.5.1", &[]),
            alike: |verdicts| verdicts,
            alone: pytest_alone,
        },
        Suite {
            name: "glam-0.34.3",
            runner: "cargo-nextest",
            subcommand: "test",
            prepare: |home| crate_suite(home, "glam", "0.34.3"),
            alike: |verdicts| verdicts,
            alone: nextest_alone,
        },
        Suite {
            name: "attrs-26.1.0",
            runner: "generic",
            subcommand: "run",
            prepare: prepare_attrs,
            alike: by_whole_id,
            alone: pytest_alone,
        },
    ]
}

fn python_suite(home: &Path, name: &str, version: &str, packages: &[&str]) -> Result<Prepared> {
    let pinned = format!("{name}=={version}");
    let wanted: Vec<_> = [pinned.as_str(), "pytest==9.2.0"].into_iter().chain(packages.iter().copied()).collect();
    let python = python_with(&format!("python-{name}"), &wanted)?;
    let directory = home.join(format!("{name}-{version}"));
    if !directory.exists() {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name, "--dest"])
            .arg(home)
            .arg(&pinned);
        must_run(&mut pip)?;
        let archive = home.join(format!("{name}-{version}.tar.gz"));
        must_run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(home))?;
    }
    let folder = python.parent().context("an interpreter lies in a folder")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    Ok(Prepared { directory, env: vec![("PATH".to_owned(), path)] })
}

fn pytest_alone(prepared: &Prepared, junit: &Path) -> Result<()> {
    let mut command = Command::new("python");
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml"]).arg(junit);
    may_fail(command.current_dir(&prepared.directory).envs(prepared.env.iter().cloned()), &[0, 1])
}

fn crate_suite(home: &Path, name: &str, version: &str) -> Result<Prepared> {
    let directory = home.join(format!("{name}-{version}"));
    if !directory.exists() {
        let fetch = home.join("fetch");
        std::fs::create_dir_all(fetch.join("src"))?;
        std::fs::write(fetch.join("src/lib.rs"), "")?;
        let manifest = format!(
            "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\n{name} = \"={version}\"\n"
        );
        std::fs::write(fetch.join("Cargo.toml"), manifest)?;
        let metadata = MetadataCommand::new().manifest_path(fetch.join("Cargo.toml")).exec()?;
        let package =
            metadata.packages.iter().find(|package| package.name == name).context("cargo did not fetch it")?;
        let source = package.manifest_path.parent().context("a manifest lies in a folder")?;
        must_run(Command::new("cp").arg("-r").arg(source).arg(&directory))?;
        // A crate of the registry may lie beneath a workspace of ours: it is one of its own.
        let manifest = directory.join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest)?;
        if !text.contains("[workspace]") {
            std::fs::write(&manifest, format!("{text}\n[workspace]\n"))?;
        }
    }
    Ok(Prepared { directory, env: Vec::new() })
}

fn nextest_alone(prepared: &Prepared, junit: &Path) -> Result<()> {
    let config = junit.with_extension("toml");
    std::fs::write(&config, format!("[profile.default.junit]\npath = {:?}\n", junit.display().to_string()))?;
    let mut command = Command::new("cargo");
    command.args(["nextest", "run", "--no-fail-fast", "--status-level", "fail", "--tool-config-file"]);
    command.arg(format!("compare:{}", config.display()));
    may_fail(command.current_dir(&prepared.directory).envs(prepared.env.iter().cloned()), &[0, 100])
}

fn prepare_attrs(home: &Path) -> Result<Prepared> {
    let prepared = python_suite(home, "attrs", "26.1.0", &["hypothesis", "cloudpickle"])?;
    // The generic runner: pytest itself, but Muster sees no more of it than ids and JUnit XML.
    std::fs::write(prepared.directory.join("generic_pytest.py"), include_str!("generic_pytest.py"))?;
    std::fs::write(prepared.directory.join("muster.yml"), include_str!("attrs.yml"))?;
    Ok(prepared)
}

/// The generic runner knows ids and no classes: Muster writes the job's name in their place.
fn by_whole_id(verdicts: Verdicts) -> Verdicts {
    let whole = |name: String| match name.split_once(' ') {
        Some(("tests", id)) => id.to_owned(),
        _ => name.replacen(' ', ".", 1),
    };
    verdicts.into_iter().map(|(name, verdicts)| (whole(name), verdicts)).collect()
}

fn may_fail(command: &mut Command, good: &[i32]) -> Result<()> {
    println!("$ {command:?}");
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    match status.code() {
        Some(code) if good.contains(&code) => Ok(()),
        _ => bail!("{command:?} ended with {status}"),
    }
}
