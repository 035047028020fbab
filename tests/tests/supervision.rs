//! What a service manager hears of our processes: that they are ready, that they are alive, that they end.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use muster_tests::binaries::binary;
use muster_tests::fleet::Fleet;
use muster_tests::process::{HANG, Process};
use nix::sys::signal::Signal;
use tempfile::TempDir;

#[test]
fn a_coordinator_says_when_it_serves_lives_and_ends() {
    let manager = Manager::new();
    let coordinator = manager.start_coordinator();
    manager.hears_a_whole_life(&coordinator);
    assert_eq!(coordinator.wait().code(), 0);
}

#[test]
fn an_agent_says_when_it_is_there_lives_and_drains() {
    let fleet = Fleet::start();
    let manager = Manager::new();
    let mut command = Command::new(binary("muster-agent"));
    command.args(["--coordinator", &format!("http://{}", fleet.address()), "--directory"]);
    command.arg(manager.home.path().join("agent"));
    let agent = manager.start("muster-agent", &mut command);
    manager.hears_a_whole_life(&agent);
    assert_eq!(agent.wait().code(), 0);
}

#[test]
fn a_process_that_stands_still_is_not_called_alive() {
    let manager = Manager::new();
    let coordinator = manager.start_coordinator();
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
    coordinator.signal(Signal::SIGSTOP);
    // What had been said before the signal came.
    while manager.hears_anything_within(WATCHDOG) {}
    assert!(!manager.hears_anything_within(WATCHDOG), "a stopped process spoke");
    coordinator.signal(Signal::SIGCONT);
    manager.hears("WATCHDOG=1");
}

/// A service manager's socket.
struct Manager {
    home: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        let socket = UnixDatagram::bind(home.path().join("notify")).expect("a socket can be made there");
        Self { home, socket }
    }

    fn start_coordinator(&self) -> Process {
        let mut command = Command::new(binary("muster-coordinator"));
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(self.home.path().join("data"));
        self.start("muster-coordinator", &mut command)
    }

    fn start(&self, name: &str, command: &mut Command) -> Process {
        command.env("NOTIFY_SOCKET", self.home.path().join("notify"));
        command.env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string()).env_remove("WATCHDOG_PID");
        Process::start(name, command)
    }

    fn hears_a_whole_life(&self, process: &Process) {
        self.hears("READY=1");
        for _ in 0..3 {
            self.hears("WATCHDOG=1");
        }
        process.signal(Signal::SIGTERM);
        self.hears("STOPPING=1");
    }

    /// Waits for a message that holds this line.
    fn hears(&self, line: &str) {
        self.socket.set_read_timeout(Some(HANG)).expect("it is a time");
        let mut buffer = [0; 4_096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| panic!("nobody says {line}: {error}"));
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|found| found == line) {
                return;
            }
        }
    }

    fn hears_anything_within(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).expect("it is a time");
        self.socket.recv(&mut [0; 4_096]).is_ok()
    }
}

/// Longer than the loops of our processes take for a turn, with room for a busy machine.
const WATCHDOG: Duration = Duration::from_secs(3);
