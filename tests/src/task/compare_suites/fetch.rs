//! Getting a suite: from PyPI, npm, crates.io, or as a source package of Debian.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::task::must_run;

/// The sources of a package of PyPI, unpacked in `home`; the folder they are in.
pub(super) fn python_sources(home: &Path, python: &Path, name: &str, version: &str) -> Result<PathBuf> {
    let directory = home.join(format!("{name}-{version}"));
    if !directory.exists() {
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name, "--dest"])
            .arg(home)
            .arg(format!("{name}=={version}"));
        must_run(&mut pip)?;
        let archive = home.join(format!("{name}-{version}.tar.gz"));
        must_run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(home))?;
    }
    Ok(directory)
}

/// A package of npm as it is published, with further packages in its `node_modules` and none of its own scripts.
pub(super) fn npm_package(home: &Path, name: &str, version: &str, packages: &[&str]) -> Result<PathBuf> {
    let directory = home.join("package");
    if !directory.join("node_modules").exists() {
        must_run(Command::new("npm").args(["pack", "--silent", &format!("{name}@{version}")]).current_dir(home))?;
        let archive = home.join(format!("{name}-{version}.tgz"));
        must_run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(home))?;
        must_run(npm(&directory).args(["pkg", "delete", "devDependencies", "scripts", "jest", "mocha"]))?;
        let mut install = npm(&directory);
        install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]).args(packages);
        must_run(&mut install)?;
    }
    Ok(directory)
}

fn npm(directory: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(directory);
    command
}

/// A source package of Debian, unpacked in `home`; the folder whose name begins with `prefix`.
pub(super) fn debian_sources(home: &Path, package: &str, prefix: &str) -> Result<PathBuf> {
    if let Some(found) = folder(home, prefix)? {
        return Ok(found);
    }
    let lists = home.join("lists/partial");
    std::fs::create_dir_all(&lists).with_context(|| format!("cannot make {}", lists.display()))?;
    let sources = home.join("sources.list");
    let release = std::fs::read_to_string("/etc/os-release").context("this system does not say what it is")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).context("no Debian here")?;
    std::fs::write(&sources, format!("deb-src http://deb.debian.org/debian {codename} main\n"))?;
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-o").arg(format!("Dir::Etc::sourcelist={}", sources.display()));
        command.args(["-o", "Dir::Etc::sourceparts=-", "-o"]);
        command.arg(format!("Dir::State::Lists={}", home.join("lists").display()));
        command.args(words).current_dir(home);
        command
    };
    must_run(&mut apt(&["update", "--quiet"]))?;
    must_run(&mut apt(&["source", "--quiet", "--download-only", package]))?;
    let entries = std::fs::read_dir(home)?.filter_map(Result::ok).map(|entry| entry.path());
    let archive = entries
        .filter(|path| path.to_string_lossy().contains(".orig.tar"))
        .min()
        .with_context(|| format!("the source package {package} has no archive"))?;
    must_run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(home))?;
    match folder(home, prefix)? {
        Some(found) => Ok(found),
        None => bail!("the sources of {package} are in no folder `{prefix}…`"),
    }
}

fn folder(home: &Path, prefix: &str) -> Result<Option<PathBuf>> {
    let entries = std::fs::read_dir(home).with_context(|| format!("cannot read {}", home.display()))?;
    let mut found: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    found.retain(|path| {
        path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    });
    Ok(found.into_iter().min())
}
