//! A coordinator and agents as processes of their own, and the CLI beside them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::binaries::binary;
use crate::network::Network;
use crate::process::{Ended, Process};
use crate::small_disk::SmallDisk;

/// A coordinator on a data directory of its own, on a port that the system chose.
#[derive(Debug)]
pub struct Fleet {
    coordinator: Option<Process>,
    address: String,
    flags: Vec<String>,
    /// Unmounted when the coordinator is gone, and before its mount point is.
    disk: Option<SmallDisk>,
    home: TempDir,
}

impl Fleet {
    /// Starts a coordinator.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a coordinator with further flags.
    #[must_use]
    pub fn start_with(flags: &[&str]) -> Self {
        let mut fleet = Self::new();
        fleet.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        fleet.start_coordinator();
        fleet
    }

    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("muster-test-").tempdir().expect("a temporary folder can be made");
        Self { coordinator: None, address: "127.0.0.1:0".to_owned(), flags: Vec::new(), disk: None, home }
    }

    /// Starts a coordinator whose data lies on a file system of its own of this size (as mount reads it), in a mount
    /// namespace that goes with the process.
    ///
    /// # Panics
    /// If this machine lets us make no mount namespace.
    #[must_use]
    pub fn start_on_small_disk(size: &str) -> Self {
        let mut fleet = Self::new();
        std::fs::create_dir(fleet.data()).expect("its folder is new");
        let data = fleet.data().display().to_string();
        let script = format!(
            "mount -t tmpfs -o size={size} tmpfs '{data}' && exec '{}' --data '{data}' --listen 127.0.0.1:0",
            binary("muster-coordinator").display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", &script]);
        let process = Process::start("coordinator on a small disk", &mut command);
        fleet.address = process.find_line("address", served_address);
        fleet.coordinator = Some(process);
        fleet
    }

    /// Starts a coordinator whose data lies on an ext4 file system of its own of this size.
    #[must_use]
    pub fn start_on_ext4(mebibytes: u32, flags: &[&str]) -> Self {
        let mut fleet = Self::new();
        fleet.flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        fleet.disk = Some(SmallDisk::mount(&fleet.home().join("disk.img"), &fleet.data(), mebibytes));
        fleet.start_coordinator();
        fleet
    }

    /// Starts the coordinator, on the address that it had before.
    ///
    /// # Panics
    /// If it does not say where it serves.
    pub fn start_coordinator(&mut self) {
        let process = Process::start("coordinator", &mut self.coordinator_command(&self.address));
        self.address = process.find_line("address", served_address);
        self.coordinator = Some(process);
    }

    /// The command of a coordinator on this fleet's data.
    #[must_use]
    pub fn coordinator_command(&self, listen: &str) -> Command {
        let mut command = Command::new(binary("muster-coordinator"));
        command.arg("--data").arg(self.data()).args(["--listen", listen]).args(&self.flags);
        command
    }

    /// Kills the coordinator at once.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill_coordinator(&mut self) {
        self.coordinator.take().expect("the coordinator runs").kill_9();
    }

    /// Starts an agent.
    #[must_use]
    pub fn agent(&self, name: &str) -> Process {
        self.agent_at(name, &self.url())
    }

    /// Starts an agent that reaches the coordinator through a network.
    #[must_use]
    pub fn agent_through(&self, network: &Network, name: &str) -> Process {
        self.agent_at(name, &network.url())
    }

    fn agent_at(&self, name: &str, url: &str) -> Process {
        let mut command = Command::new(binary("muster-agent"));
        command.args(["--coordinator", url, "--name", name, "--slots", "1", "--directory"]);
        command.arg(self.home().join(name));
        Process::start(name, &mut command)
    }

    /// `muster …` with this fleet's coordinator.
    #[must_use]
    pub fn muster(&self, words: &[&str]) -> Command {
        let mut command = muster(words);
        command.env("MUSTER_COORDINATOR", self.url());
        command
    }

    /// Runs `muster …` with this fleet's coordinator to its end.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Ended {
        Process::start("muster", &mut self.muster(words)).wait()
    }

    /// The coordinator's address as agents and clients write it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The coordinator's address as host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The coordinator's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// A folder that goes with the fleet.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

/// `muster …` without any coordinator, and with nothing of this machine's user in it.
#[must_use]
pub fn muster(words: &[&str]) -> Command {
    let mut command = Command::new(binary("muster"));
    command.args(words).env_remove("MUSTER_COORDINATOR").env("NO_COLOR", "1");
    // What is told to a CI system is its own test's business.
    command.env_remove("GITHUB_ACTIONS").env_remove("GITLAB_CI").env_remove("BUILDKITE");
    command
}

/// Where a coordinator says that it serves, from a line of its output.
#[must_use]
pub fn served_address(line: &str) -> Option<String> {
    let rest = &line[line.find("127.0.0.1:")?..];
    let end = rest.find(|sign: char| !(sign.is_ascii_digit() || sign == '.' || sign == ':')).unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}
