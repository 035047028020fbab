//! The system's own tools, run as they must run.

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a tool to its end and returns what it printed.
///
/// # Panics
/// If it is not there or fails: `cargo xtask test` installs what is needed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    fed(program, arguments, "")
}

/// The same, with text on its standard input.
///
/// # Panics
/// The same.
pub fn fed(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs it"));
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads its input");
    let output = child.wait_with_output().expect("it is our child");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {}: {said}", arguments.join(" "), output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
