//! The tasks of `cargo xtask`, one a file.

pub(crate) mod cluster;
pub(crate) mod compare_suites;
pub(crate) mod crash;
pub(crate) mod damage;
pub(crate) mod debian;
pub(crate) mod defects;
pub(crate) mod duplicates;
pub(crate) mod false_green;
pub(crate) mod flakiness;
pub(crate) mod fleet;
pub(crate) mod makespan;
pub(crate) mod mutants;
pub(crate) mod node;
pub(crate) mod powercut;
pub(crate) mod sim;
pub(crate) mod store_bench;
pub(crate) mod test;
pub(crate) mod units;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

/// The repository's root.
#[must_use]
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The folder for what tasks fetch and make; ignored by git.
#[must_use]
pub(crate) fn workshop() -> PathBuf {
    root().join("target").join("xtask")
}

/// Says what is run, runs it, and fails where it fails.
///
/// # Errors
/// If the program cannot be started or ends with another status than 0.
pub(crate) fn must_run(command: &mut Command) -> Result<()> {
    let text = shown(command);
    println!("$ {text}");
    let status = command.status().with_context(|| format!("cannot start `{text}`"))?;
    if !status.success() {
        bail!("`{text}` ended with {status}");
    }
    Ok(())
}

/// Builds a binary of this workspace, and says where it is.
///
/// # Errors
/// If it cannot be built.
pub(crate) fn must_build(package: &str, binary: &str) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--locked", "-p", package, "--bin", binary]).current_dir(root());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    must_run(&mut command)?;
    Ok(muster_tests::binaries::binary(binary))
}

/// Builds binaries of this workspace for release, whatever this program was built for, and says in which folder they are.
///
/// # Errors
/// If they cannot be built.
pub(crate) fn must_build_release(binaries: &[&str]) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--workspace"]).current_dir(root());
    for binary in binaries {
        command.args(["--bin", binary]);
    }
    must_run(&mut command)?;
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec()?;
    Ok(metadata.target_directory.join("release").into_std_path_buf())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A Python of our own with these packages, made once; the path of its interpreter.
///
/// # Errors
/// If there is no `python3` with `venv`, or a package cannot be had.
pub(crate) fn python_with(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = workshop().join(name);
    let python = folder.join("bin").join("python");
    let stamp = folder.join("packages.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && python.exists() {
        return Ok(python);
    }
    must_run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))
        .context("a Python with venv is needed: on Debian, apt-get install python3 python3-venv")?;
    must_run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}
