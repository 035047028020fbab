//! The coordinator is killed and started again, 20 times in one run. No agent dies, so nothing runs twice.

use std::thread::sleep;
use std::time::Duration;

use super::Setting;
use crate::cluster::dice::Dice;
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::{Kind, Round};
use crate::cluster::scene::{Deploy, Scene};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::Suite;

pub(super) fn run(setting: Setting) -> Round {
    let settings = Settings { lease_unrepeatable_ms: 60_000, ..Settings::default() };
    let mut site = Site::start(settings, &["agent-1", "agent-2"]);
    let mut dice = Dice::new(setting.seed);
    let deploy = Deploy::begin(&site, "agent-1");
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 5, role: None });
    scene.wait_begun(3);
    let mut kills = Vec::new();
    for _ in 0..KILLS {
        site.kill_coordinator();
        kills.push(Moment::now());
        site.start_coordinator();
        sleep(Duration::from_millis(u64::from(50 + dice.below(600))));
    }
    let mut round = scene.end_since(&site, &Allowance::default(), &kills);
    if round.unheard > 0 {
        round.violate(Kind::Repeated, "no agent died, and yet ended tests ran again");
    }
    round.join(deploy.end_well());
    round
}

const TESTS: u32 = 160;
const KILLS: u32 = 20;
