//! Connections are cut in the middle of a frame, again and again, stalled for a while, and half closed.

use std::thread::sleep;
use std::time::Duration;

use super::Setting;
use crate::cluster::dice::Dice;
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::Round;
use crate::cluster::scene::{Deploy, Scene};
use crate::cluster::site::{Disk, Road, Settings, Site, wait_for};
use crate::cluster::workload::Suite;

pub(super) fn run(setting: Setting) -> Round {
    let mut site = Site::empty(Settings { lease_ms: 5_000, lease_unrepeatable_ms: 30_000, ..Settings::default() });
    for name in ["agent-1", "agent-2"] {
        site.add_agent(name, Road::Proxy, Disk::Shared);
    }
    let mut dice = Dice::new(setting.seed);
    let deploy = Deploy::begin(&site, "agent-1");
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 50, role: None });
    let mut cuts = Vec::new();
    for _ in 0..if setting.is_long { 40 } else { 8 } {
        site.proxy.cut_after(1 + dice.below(20_000));
        wait_for("a cut", || site.proxy.is_cut());
        cuts.push(Moment::now());
        sleep(Duration::from_millis(u64::from(dice.below(600))));
    }
    site.proxy.stall(true);
    sleep(STALL);
    site.proxy.stall(false);
    site.proxy.half_close(true);
    sleep(STALL);
    site.proxy.half_close(false);
    let mut round = scene.end_since(&site, &Allowance::default(), &cuts);
    round.join(deploy.end_well());
    round
}

const TESTS: u32 = 60;
const STALL: Duration = Duration::from_millis(1_500);
