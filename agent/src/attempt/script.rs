//! A script as a command.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use muster_common::spec::Shell;

use super::environment::{Environment, find_program};

/// Writes `text` to `folder/name` and returns the command that runs it with `shell`. It goes through a file because
/// one argument of a command takes 128 KiB and a script may be longer.
///
/// # Errors
/// If the file cannot be written.
pub fn command(
    shell: Shell,
    text: &str,
    folder: &Path,
    name: &str,
    environment: &Environment,
) -> io::Result<Vec<OsString>> {
    let file = folder.join(name);
    std::fs::write(&file, text)?;
    let mut command: Vec<OsString> = interpreter(shell, environment).iter().map(OsString::from).collect();
    command.push(file.into());
    Ok(command)
}

fn interpreter(shell: Shell, environment: &Environment) -> &'static [&'static str] {
    match shell {
        Shell::Default if find_program("bash", environment).is_some() => &["bash", "-e"],
        Shell::Default | Shell::Sh => &["sh", "-e"],
        Shell::Bash => &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
        Shell::Python => &["python3"],
    }
}
