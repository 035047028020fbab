//! What the tests need of the system: namespaces, packet filters, file systems, a clock that can be set, test runners.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::must_run;

/// Installs the packages that are missing, and says so.
///
/// # Errors
/// If one is missing and cannot be installed: it takes Debian's apt-get and the rights of root.
pub(crate) fn install_missing() -> Result<()> {
    let missing: Vec<&str> = NEEDED.iter().filter(|(_, file)| !is_there(file)).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("the tests need packages that are not installed: {}", missing.join(" "));
    let install = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "--yes", "--quiet"]).args(&missing);
        command
    };
    if !install().status().is_ok_and(|status| status.success()) {
        must_run(Command::new("apt-get").args(["update", "--quiet"]))
            .with_context(|| format!("install these by hand: {}", missing.join(" ")))?;
        must_run(&mut install()).with_context(|| format!("install these by hand: {}", missing.join(" ")))?;
    }
    Ok(())
}

fn is_there(file: &str) -> bool {
    [
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
        "/usr/lib/x86_64-linux-gnu/faketime",
        "/usr/lib/aarch64-linux-gnu/faketime",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ]
    .iter()
    .any(|folder| Path::new(folder).join(file).exists())
}

/// Packages of Debian, and a file of each.
const NEEDED: &[(&str, &str)] = &[
    ("iproute2", "ip"),
    ("nftables", "nft"),
    ("util-linux", "setpriv"),
    ("systemd", "systemd-analyze"),
    ("e2fsprogs", "mkfs.ext4"),
    ("mount", "mount"),
    ("faketime", "libfaketimeMT.so.1"),
    ("golang-go", "go"),
    ("nodejs", "node"),
    ("npm", "npm"),
    ("ruby-rspec", "rspec"),
    ("ruby-minitest", "../../var/lib/dpkg/info/ruby-minitest.list"),
    ("phpunit", "phpunit"),
    ("cmake", "ctest"),
    ("g++", "g++"),
    ("libgtest-dev", "libgtest.a"),
];
