//! A coordinator, agents and clients, each a process on a host of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::lan::{Host, Lan};
use super::proxy::Proxy;
use super::switch::Switch;
use crate::binaries::binary;
use crate::fleet::muster;
use crate::process::{Ended, HANG, Process};

/// A cluster.
#[derive(Debug)]
pub struct Site {
    /// The switch's faults.
    pub switch: Switch,
    /// The proxy through which agents reach the coordinator that are started so.
    pub proxy: Proxy,
    agents: Vec<Agent>,
    coordinator: Option<Process>,
    coordinator_host: Host,
    client_host: Host,
    home: TempDir,
    settings: Settings,
    // Last: the processes above end first.
    lan: Lan,
}

/// How a cluster is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Between two heartbeats.
    pub heartbeat_ms: u32,
    /// Silence after which repeatable work is given to others.
    pub lease_ms: u32,
    /// The same for work that is not safe to repeat.
    pub lease_unrepeatable_ms: u32,
    /// Whether the time of day of coordinator and agents can be set.
    pub has_own_clocks: bool,
}

/// An agent's place.
#[derive(Debug)]
pub struct Agent {
    /// Its host.
    pub host: Host,
    process: Option<Process>,
    road: Road,
    disk: Disk,
}

/// How an agent reaches the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Over the switch.
    Straight,
    /// Through the proxy.
    Proxy,
}

/// What an agent's directory lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// The machine's own disk.
    Shared,
    /// A small one of its own, which is there for as long as the process lives.
    Small,
}

impl Default for Settings {
    fn default() -> Self {
        Self { heartbeat_ms: 500, lease_ms: 2_500, lease_unrepeatable_ms: 7_000, has_own_clocks: false }
    }
}

impl Site {
    /// A running coordinator, and agents of these names.
    #[must_use]
    pub fn start(settings: Settings, agents: &[&str]) -> Self {
        let mut site = Self::empty(settings);
        for name in agents {
            site.add_agent(name, Road::Straight, Disk::Shared);
        }
        site
    }

    /// A running coordinator.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn empty(settings: Settings) -> Self {
        let mut lan = Lan::new();
        let home = tempfile::Builder::new().prefix("muster-site-").tempdir().expect("a temporary folder can be made");
        let [coordinator_host, client_host, proxy_host] = ["coordinator", "client", "proxy"].map(|name| lan.host(name));
        let proxy = Proxy::start(&proxy_host, PORT, &format!("{}:{PORT}", coordinator_host.address));
        let switch = Switch::of(&lan);
        let mut site = Self {
            switch,
            proxy,
            agents: Vec::new(),
            coordinator: None,
            coordinator_host,
            client_host,
            home,
            settings,
            lan,
        };
        for name in ["coordinator", "agents"] {
            site.set_clock(name, 0);
        }
        site.start_coordinator();
        site
    }

    /// Adds an agent and starts it.
    pub fn add_agent(&mut self, name: &str, road: Road, disk: Disk) {
        let host = self.lan.host(name);
        self.agents.push(Agent { host, process: None, road, disk });
        self.start_agent(name);
    }

    /// Starts an agent that does not run.
    pub fn start_agent(&mut self, name: &str) {
        let process = Process::start(name, &mut self.agent_command(name));
        self.agent_mut(name).process = Some(process);
    }

    /// Kills an agent at once. What it has started is as orphaned as with any killed agent.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill_agent(&mut self, name: &str) {
        self.agent_mut(name).process.take().expect("the agent runs").kill_9();
    }

    /// Sends an agent a signal.
    ///
    /// # Panics
    /// If it does not run.
    pub fn signal_agent(&self, name: &str, signal: Signal) {
        self.agent(name).process.as_ref().expect("the agent runs").signal(signal);
    }

    /// An agent's place.
    ///
    /// # Panics
    /// If there is none of this name.
    #[must_use]
    pub fn agent(&self, name: &str) -> &Agent {
        self.agents.iter().find(|agent| agent.host.name == name).expect("the agent was added")
    }

    fn agent_mut(&mut self, name: &str) -> &mut Agent {
        self.agents.iter_mut().find(|agent| agent.host.name == name).expect("the agent was added")
    }

    /// An agent's directory, as the tests reach it.
    #[must_use]
    pub fn directory(&self, name: &str) -> PathBuf {
        let agent = self.agent(name);
        let directory = self.home().join(name);
        match (agent.disk, &agent.process) {
            (Disk::Small, Some(process)) => {
                let inside = directory.strip_prefix("/").unwrap_or(&directory);
                Path::new("/proc").join(process.id().to_string()).join("root").join(inside)
            }
            (Disk::Shared, _) | (Disk::Small, None) => directory,
        }
    }

    fn agent_command(&self, name: &str) -> Command {
        let agent = self.agent(name);
        let url = match agent.road {
            Road::Straight => self.url(),
            Road::Proxy => format!("http://{}", self.proxy.address()),
        };
        let directory = self.home().join(name);
        let label = format!("role={name}");
        let words = ["--coordinator", &url, "--insecure", "--name", name, "--slots", "2", "--label", &label];
        let mut plain = Command::new(binary("muster-agent"));
        plain.args(words).arg("--directory").arg(&directory);
        self.give_clock(&mut plain, "agents");
        match agent.disk {
            Disk::Shared => agent.host.command(&plain),
            Disk::Small => {
                fs::create_dir_all(&directory).expect("the home can be written");
                let script =
                    format!("mount -t tmpfs -o size={SMALL_DISK} tmpfs '{}' && exec \"$@\"", directory.display());
                let mut mounted = Command::new("sh");
                mounted.args(["-c", &script, "sh"]).arg(plain.get_program()).args(plain.get_args());
                agent.host.command(&mounted)
            }
        }
    }

    /// Starts the coordinator, which does not run, and returns once it serves.
    pub fn start_coordinator(&mut self) {
        let process = Process::start("coordinator", &mut self.coordinator_command(PORT));
        process.find_line("greeting", |line| line.contains("muster-coordinator: ").then_some(()));
        self.coordinator = Some(process);
    }

    /// The command of a second coordinator on this cluster's data, beside the first.
    #[must_use]
    pub fn second_coordinator_command(&self) -> Command {
        self.coordinator_command(PORT + 1)
    }

    fn coordinator_command(&self, port: u16) -> Command {
        let mut command = Command::new(binary("muster-coordinator"));
        command.arg("--data").arg(self.data()).arg("--insecure");
        command.args(["--listen", &format!("{}:{port}", self.coordinator_host.address)]);
        for (flag, value) in [
            ("--heartbeat-ms", self.settings.heartbeat_ms),
            ("--lease-ms", self.settings.lease_ms),
            ("--lease-unrepeatable-ms", self.settings.lease_unrepeatable_ms),
        ] {
            command.args([flag, &value.to_string()]);
        }
        self.give_clock(&mut command, "coordinator");
        self.coordinator_host.command(&command)
    }

    /// Kills the coordinator at once.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill_coordinator(&mut self) {
        self.coordinator.take().expect("the coordinator runs").kill_9();
    }

    /// Sends the coordinator a signal.
    ///
    /// # Panics
    /// If it does not run.
    pub fn signal_coordinator(&self, signal: Signal) {
        self.coordinator.as_ref().expect("the coordinator runs").signal(signal);
    }

    /// What all processes have said, for somebody who wonders.
    #[must_use]
    pub fn said(&self) -> String {
        let agents = self.agents.iter().map(|agent| (agent.host.name.as_str(), agent.process.as_ref()));
        let all = agents.chain([("coordinator", self.coordinator.as_ref())]);
        all.map(|(name, process)| format!("--- {name} says\n{}\n", process.map(Process::said).unwrap_or_default()))
            .collect()
    }

    /// `muster …` on the clients' host.
    #[must_use]
    pub fn muster(&self, words: &[&str]) -> Command {
        let mut command = muster(words);
        command.args(["--coordinator", &self.url(), "--insecure"]);
        self.client_host.command(&command)
    }

    /// Runs `muster …` to its end.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Ended {
        Process::start("muster", &mut self.muster(words)).wait()
    }

    /// The coordinator's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// A folder that goes with the cluster.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Steps the time of day of the coordinator or of all agents to so many seconds from the true one.
    ///
    /// # Panics
    /// If the home cannot be written.
    pub fn set_clock(&self, of: &str, offset_s: i32) {
        let file = self.clock(of);
        let new = file.with_extension("new");
        fs::write(&new, format!("{offset_s:+}\n")).expect("the home can be written");
        fs::rename(new, file).expect("the home can be written");
    }

    fn give_clock(&self, command: &mut Command, of: &str) {
        if self.settings.has_own_clocks {
            command.env("LD_PRELOAD", faketime()).env("FAKETIME_TIMESTAMP_FILE", self.clock(of));
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            command.env("DONT_FAKE_MONOTONIC", "1");
        }
    }

    fn clock(&self, of: &str) -> PathBuf {
        self.home().join(format!("clock-of-{of}"))
    }

    fn url(&self) -> String {
        format!("http://{}:{PORT}", self.coordinator_host.address)
    }
}

fn faketime() -> &'static str {
    let found = FAKETIME.iter().find(|file| Path::new(file).exists());
    found.expect("libfaketime is installed: `cargo xtask test` does so")
}

/// Waits until something is so.
///
/// # Panics
/// If it is not so within [`HANG`].
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HANG, "no sign of {what} after {HANG:?}");
        std::thread::sleep(POLL);
    }
}

const PORT: u16 = 7_000;
const SMALL_DISK: &str = "16m";
/// Where Debian puts it, by the kind of machine.
const FAKETIME: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];
const POLL: Duration = Duration::from_millis(20);
