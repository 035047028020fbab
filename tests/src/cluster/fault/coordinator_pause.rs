//! The coordinator's process stands still for longer than all leases. A second one on its data is refused, and when it
//! goes on, no lease has run out by its own stillness.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::Setting;
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::{Kind, Round};
use crate::cluster::scene::{Deploy, Scene};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::Suite;
use crate::process::Process;

pub(super) fn run(setting: Setting) -> Round {
    let seconds = if setting.is_long { 60 } else { 6 };
    let settings = Settings { lease_unrepeatable_ms: 20_000 + 1_000 * seconds, ..Settings::default() };
    let site = Site::start(settings, &["agent-1", "agent-2"]);
    let deploy = Deploy::begin(&site, "agent-1");
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 3);
    site.signal_coordinator(Signal::SIGSTOP);
    let second = Process::start("second coordinator", &mut site.second_coordinator_command()).wait();
    sleep(Duration::from_secs(u64::from(seconds)));
    site.signal_coordinator(Signal::SIGCONT);
    let resumed = Moment::now();
    let mut round = scene.end_since(&site, &Allowance::default(), &[resumed]);
    if second.status.success() || !second.stderr.contains("is in use by") {
        round.violate(Kind::Overlap, format!("two coordinators on one data directory: {second}"));
    }
    if round.unheard > 0 {
        round.violate(Kind::Repeated, "no agent died, and yet ended tests ran again");
    }
    round.join(deploy.end_well());
    round
}

const TESTS: u32 = 40;
