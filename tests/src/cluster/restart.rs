//! How soon a coordinator that was killed is at work again, with a long queue and many agents.

use std::process::Command;

use super::moment::Moment;
use crate::binaries::binary;
use crate::fleet::Fleet;
use crate::process::Process;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Restart {
    /// From the kill until it serves again, in seconds.
    pub serving_s: f64,
    /// From the kill to the first lease of its next life, as an agent gets it, in seconds.
    pub first_lease_s: f64,
}

/// Kills a coordinator with so many queued jobs and connected agents, all of them at work, and starts it again.
#[must_use]
pub fn measure(jobs: u32, agents: u32) -> Restart {
    let mut fleet = Fleet::start();
    let url = fleet.url();
    let load = |words: &[&str]| {
        let mut command = Command::new(binary("muster-loadtest"));
        command.args(words).args(["--coordinator", &url]);
        command
    };
    let filled = Process::start("fill", &mut load(&["fill", "--jobs", &jobs.to_string()])).wait();
    assert_eq!(filled.code(), 0, "{filled}");
    let words = ["agents", "--count", &agents.to_string(), "--work-ms", WORK_MS];
    let crowd = Process::start("agents", &mut load(&words));
    crowd.find_line("connected agents", |line| line.contains("agents are connected").then_some(()));
    crowd.find_line("first lease", |line| first_lease(line, 1));
    fleet.kill_coordinator();
    let killed = Moment::now();
    fleet.start_coordinator();
    let serving_s = Moment::now().since(killed);
    let leased = crowd.find_line("first lease after the restart", |line| first_lease(line, 2));
    Restart { serving_s, first_lease_s: leased.since(killed) }
}

fn first_lease(line: &str, epoch: u64) -> Option<Moment> {
    let micros = line.strip_prefix(&format!("first lease of epoch {epoch} at "))?.strip_suffix(" us")?;
    Some(Moment(micros.parse::<f64>().ok()? / 1e6))
}

/// How long each job takes.
const WORK_MS: &str = "2000";
