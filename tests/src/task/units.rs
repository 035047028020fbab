//! `cargo xtask units`: what systemd says of the units that we ship.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{debian, must_run, root};

/// Verifies every unit, and holds its exposure against the limit.
///
/// # Errors
/// If systemd would warn about one, or one leaves more open than the limit allows.
pub(crate) fn run() -> Result<()> {
    debian::install_missing()?;
    let units = units()?;
    for unit in &units {
        verify(unit)?;
        must_run(
            Command::new("systemd-analyze")
                .args(["security", "--offline=true", "--no-pager"])
                .arg(format!("--threshold={}", EXPOSURE_MAX * 10))
                .arg(unit),
        )
        .with_context(|| format!("{} leaves more open than {EXPOSURE_MAX}.0", unit.display()))?;
    }
    println!("units: {} verified, exposure of each at most {EXPOSURE_MAX}.0", units.len());
    Ok(())
}

fn units() -> Result<Vec<PathBuf>> {
    let folder = root().join("deploy/systemd");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut units: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "service")).collect();
    units.sort();
    ensure!(!units.is_empty(), "{} has no units", folder.display());
    Ok(units)
}

/// In a copy whose programs exist: on this machine they are not where the packages put them.
fn verify(unit: &std::path::Path) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder for a copy")?;
    let text = fs::read_to_string(unit).with_context(|| format!("cannot read {}", unit.display()))?;
    ensure!(text.contains("ExecStart=/usr/bin/muster-"), "{} does not start a packaged program", unit.display());
    let copy = folder.path().join(unit.file_name().context("a unit has a name")?);
    let text = text.replace("ExecStart=/usr/bin/muster-", "ExecStart=/bin/true --muster-");
    let text: String =
        text.lines().filter(|line| !line.starts_with("Documentation=man:")).map(|line| format!("{line}\n")).collect();
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy).output();
    let output = output.context("cannot start systemd-analyze")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = copy.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains(&name)).collect();
    ensure!(complaints.is_empty(), "systemd complains: {}", complaints.join("; "));
    Ok(())
}

/// As `systemd-analyze security` counts it, from 0 to 10.
const EXPOSURE_MAX: u32 = 3;
