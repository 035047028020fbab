//! `cargo xtask units`: what systemd says of the units that we ship.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{debian, must_run, root};

/// Verifies every unit, and holds its exposure against the limit.
///
/// # Errors
/// If systemd would warn about one, or one leaves more open than the limit allows.
pub(crate) fn run() -> Result<()> {
    debian::install_missing()?;
    let units = units()?;
    for unit in &units {
        verify(unit, None)?;
        exposure(unit, EXPOSURE_TENTHS_MAX)?;
    }
    let drop_ins = with_extension("conf")?;
    for drop_in in &drop_ins {
        let unit = changed_by(drop_in, &units)?;
        let folder = verify(unit, Some(drop_in))?;
        exposure(&folder.path().join(name(unit)?), EXPOSURE_WITH_DROP_IN_TENTHS_MAX)?;
    }
    println!(
        "units: {} verified, exposure of each at most {}; {} drop-ins, with each at most {}",
        units.len(),
        tenths(EXPOSURE_TENTHS_MAX),
        drop_ins.len(),
        tenths(EXPOSURE_WITH_DROP_IN_TENTHS_MAX)
    );
    Ok(())
}

fn units() -> Result<Vec<PathBuf>> {
    let units = with_extension("service")?;
    ensure!(!units.is_empty(), "{FOLDER} has no units");
    Ok(units)
}

fn with_extension(wanted: &str) -> Result<Vec<PathBuf>> {
    let folder = root().join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut found: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == wanted)).collect();
    found.sort();
    Ok(found)
}

/// A drop-in is called as its unit is, with its own word after that.
fn changed_by<'a>(drop_in: &Path, units: &'a [PathBuf]) -> Result<&'a PathBuf> {
    let word = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let called = word(drop_in);
    let mut units = units.iter();
    let unit = units.find(|unit| called.starts_with(&format!("{}-", word(unit))));
    unit.with_context(|| format!("{} begins with the name of no unit", drop_in.display()))
}

fn exposure(unit: &Path, tenths_max: u32) -> Result<()> {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager"]).arg(format!("--threshold={tenths_max}")).arg(unit);
    must_run(&mut command).with_context(|| format!("{} leaves more open than {}", unit.display(), tenths(tenths_max)))
}

fn tenths(count: u32) -> String {
    format!("{}.{}", count / 10, count % 10)
}

fn name(path: &Path) -> Result<&OsStr> {
    path.file_name().context("a unit has a name")
}

/// In a copy whose programs exist: on this machine they are not where the packages put them.
fn verify(unit: &Path, drop_in: Option<&Path>) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("cannot make a folder for a copy")?;
    let text = fs::read_to_string(unit).with_context(|| format!("cannot read {}", unit.display()))?;
    ensure!(text.contains("ExecStart=/usr/bin/muster-"), "{} does not start a packaged program", unit.display());
    let copy = folder.path().join(name(unit)?);
    let text = text.replace("ExecStart=/usr/bin/muster-", "ExecStart=/bin/true --muster-");
    let text: String =
        text.lines().filter(|line| !line.starts_with("Documentation=man:")).map(|line| format!("{line}\n")).collect();
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))?;
    if let Some(drop_in) = drop_in {
        let beside = copy.with_extension("service.d");
        fs::create_dir(&beside).with_context(|| format!("cannot make {}", beside.display()))?;
        fs::copy(drop_in, beside.join(name(drop_in)?)).with_context(|| format!("cannot copy {}", drop_in.display()))?;
    }
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&copy).output();
    let output = output.context("cannot start systemd-analyze")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let name = copy.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains(&name)).collect();
    ensure!(complaints.is_empty(), "systemd complains: {}", complaints.join("; "));
    Ok(folder)
}

const FOLDER: &str = "deploy/systemd";
/// As `systemd-analyze security` counts it, from 0 to 100.
const EXPOSURE_TENTHS_MAX: u32 = 30;
/// A drop-in takes away what jobs are then kept from in another way.
const EXPOSURE_WITH_DROP_IN_TENTHS_MAX: u32 = 35;
