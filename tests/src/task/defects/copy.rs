//! A copy of the pure crates and the simulation, as a workspace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use muster_sim::defects::Defect;

use crate::task::{root, workshop};

/// A copy that mistakes are planted in.
#[derive(Debug)]
pub(super) struct Copy {
    root: PathBuf,
}

impl Copy {
    /// Copies what has changed since the last time, so that only that is built again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn make() -> Result<Self> {
        let to = workshop().join("defects");
        for part in PARTS {
            copy_folder(&root().join(part), &to.join(part))?;
        }
        let manifest =
            fs::read_to_string(root().join("Cargo.toml")).context("cannot read the workspace's Cargo.toml")?;
        write_if_other(&to.join("Cargo.toml"), light(&manifest)?.as_bytes())?;
        if !to.join("Cargo.lock").exists() {
            fs::copy(root().join("Cargo.lock"), to.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
        }
        Ok(Self { root: to })
    }

    /// Puts a defect in the place of what stands there.
    ///
    /// # Errors
    /// If its text does not stand there exactly once.
    pub(super) fn plant(&self, defect: &Defect) -> Result<()> {
        let path = self.root.join(defect.file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let found = text.matches(defect.find).count();
        ensure!(found == 1, "defect `{}`: its text stands {found} times in {}", defect.name, defect.file);
        fs::write(&path, text.replace(defect.find, defect.replace)).context("cannot plant the defect")
    }

    /// Puts back what stood there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn heal(&self, defect: &Defect) -> Result<()> {
        let from = root().join(defect.file);
        fs::write(self.root.join(defect.file), fs::read(from)?).context("cannot take the defect out again")
    }

    /// Builds the program that runs seeds.
    ///
    /// # Errors
    /// If it cannot be built: what the compiler said.
    pub(super) fn build(&self) -> Result<PathBuf> {
        let target = self.root.join("target");
        let built = Command::new("cargo")
            .args(["build", "--quiet", "--offline", "--package", "muster-sim", "--example", "seeds"])
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .current_dir(&self.root)
            .output()
            .context("cannot start cargo")?;
        if !built.status.success() {
            bail!("the copy does not build:\n{}", String::from_utf8_lossy(&built.stderr));
        }
        Ok(target.join("debug").join("examples").join("seeds"))
    }
}

/// The workspace's manifest with the copied members only.
fn light(manifest: &str) -> Result<String> {
    let (before, rest) = manifest.split_once("members = [").context("the workspace names no members")?;
    let (_, after) = rest.split_once(']').context("the list of members has no end")?;
    let members: Vec<String> = PARTS.iter().map(|part| format!("\"{part}\"")).collect();
    let is_kept = |line: &&str| !line.starts_with("default-members") && !line.starts_with("exclude");
    let after: Vec<&str> = after.lines().filter(is_kept).collect();
    Ok(format!("{before}members = [{}]{}\n", members.join(", "), after.join("\n")))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if path.is_dir() {
            // A crate of its own inside another is not wanted with it.
            if !path.join("Cargo.toml").exists() {
                copy_folder(&path, &to.join(&name))?;
                names.push(name);
            }
        } else {
            write_if_other(&to.join(&name), &fs::read(&path)?)?;
            names.push(name);
        }
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let is_crate = entry.path().join("Cargo.toml").exists();
        if !names.contains(&entry.file_name()) && !is_crate {
            if entry.path().is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
    }
    Ok(())
}

/// Leaves a file alone that is the same: its time tells cargo that nothing has changed.
fn write_if_other(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The crates that the simulation needs.
const PARTS: [&str; 4] = ["common", "coordinator/scheduler", "agent/session", "tests/sim"];
