//! A folder of our own with packages of npm.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{must_run, workshop};

/// The folder of that name with these packages in its `node_modules`, made once.
///
/// # Errors
/// If there is no npm, or a package cannot be had.
pub(crate) fn node_with(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = workshop().join(name);
    let stamp = folder.join("packages.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && folder.join("node_modules").is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(folder.join("package.json"), "{\"name\": \"workshop\", \"private\": true}\n")?;
    let mut install = Command::new("npm");
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"]).args(packages);
    must_run(install.current_dir(&folder)).context("npm is needed: on Debian, apt-get install nodejs npm")?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(folder)
}
