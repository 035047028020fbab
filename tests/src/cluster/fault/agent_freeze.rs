//! An agent's process is stopped until all of its leases have run out, and goes on then.

use nix::sys::signal::Signal;

use super::Setting;
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::Round;
use crate::cluster::scene::{Deploy, Scene, works_again};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::Suite;

pub(super) fn run(_: Setting) -> Round {
    let site = Site::start(Settings::default(), &["victim", "survivor"]);
    let deploy = Deploy::begin(&site, "victim");
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 3);
    let struck = scene.strike("victim");
    site.signal_agent("victim", Signal::SIGSTOP);
    let deployed = deploy.end_unknown();
    site.signal_agent("victim", Signal::SIGCONT);
    let allowance =
        Allowance { cut_off: [("victim".to_owned(), Moment::now())].into(), cut_logs: ["victim".to_owned()].into() };
    let mut round = scene.end_elsewhere(&site, &allowance, &struck);
    round.join(deployed);
    round.join(works_again(&site, "victim"));
    round
}

const TESTS: u32 = 40;
