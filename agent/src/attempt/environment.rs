//! The environment of a command: a small base from the agent's own, and what the job names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The exact variables of a command.
pub type Environment = BTreeMap<OsString, OsString>;

/// Variables that a command inherits from the agent where the agent has them. Everything else that the agent was
/// started with, its own secrets included, stays with the agent.
pub const INHERITED: &[&str] = &[
    // Who and where.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    // Where toolchains live when they are not under HOME.
    "CARGO_HOME",
    "RUSTUP_HOME",
    "PYENV_ROOT",
    "JAVA_HOME",
    "GOPATH",
    "NVM_DIR",
    // How to reach the outside.
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// The base of every command: [`INHERITED`], the locale (`LC_*`), a `PATH` and a `HOME` even where the agent has none,
/// and `MUSTER=1`, by which a program can tell where it runs.
#[must_use]
pub fn base(agent: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
    let mut base: Environment = agent.into_iter().filter(|(name, _)| is_inherited(name)).collect();
    base.entry("PATH".into()).or_insert_with(|| PATH_DEFAULT.into());
    base.entry("HOME".into()).or_insert_with(|| "/".into());
    base.insert("MUSTER".into(), "1".into());
    base
}

/// The first file that may be run under `name` in the folders of `PATH`, as the command itself would find it.
#[must_use]
pub fn find_program(name: &str, environment: &Environment) -> Option<PathBuf> {
    let path = environment.get(OsStr::new("PATH"))?;
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn is_inherited(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| INHERITED.contains(&name) || name.starts_with("LC_"))
}

const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_takes_over_only_what_is_named() {
        let agent = [("HOME", "/home/ci"), ("MUSTER_TOKEN", "secret"), ("LC_ALL", "C")];
        let base = base(agent.map(|(name, value)| (name.into(), value.into())));
        let names: Vec<_> = base.keys().filter_map(|name| name.to_str()).collect();
        assert_eq!(names, ["HOME", "LC_ALL", "MUSTER", "PATH"]);
    }

    #[test]
    fn a_program_is_found_where_its_own_path_says() {
        let environment = base([]);
        assert!(find_program("sh", &environment).is_some());
        assert_eq!(find_program("no-such-program-anywhere", &environment), None);
    }
}
