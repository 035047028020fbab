//! An agent is cut off again and again, each time for less than its leases last. The retries of TCP may make more of it.

use std::thread::sleep;
use std::time::Duration;

use super::Setting;
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::Round;
use crate::cluster::scene::{Deploy, Scene};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::Suite;

pub(super) fn run(setting: Setting) -> Round {
    let site = Site::start(Settings { lease_unrepeatable_ms: 30_000, ..Settings::default() }, &["victim", "survivor"]);
    let deploy = Deploy::begin(&site, "victim");
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 8);
    let victim = &site.agent("victim").host;
    let mut cuts = Vec::new();
    for _ in 0..if setting.is_long { 20 } else { 5 } {
        site.switch.cut_off(victim);
        cuts.push(Moment::now());
        sleep(SHUT);
        site.switch.heal(victim);
        sleep(OPEN);
    }
    // Its silence may have lasted longer than the cut: a lease may have run out after all.
    let allowance =
        Allowance { cut_off: [("victim".to_owned(), Moment::now())].into(), cut_logs: ["victim".to_owned()].into() };
    let mut round = scene.end_since(&site, &allowance, &cuts);
    round.join(deploy.end_well());
    round
}

const TESTS: u32 = 60;
const SHUT: Duration = Duration::from_millis(900);
const OPEN: Duration = Duration::from_millis(700);
