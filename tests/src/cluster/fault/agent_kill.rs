//! `kill -9` of an agent in the middle of a suite and of a deploy.

use super::Setting;
use crate::cluster::promises::Allowance;
use crate::cluster::round::Round;
use crate::cluster::scene::{Deploy, Scene, works_again};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::Suite;

pub(super) fn run(_: Setting) -> Round {
    let mut site = Site::start(Settings::default(), &["victim", "survivor"]);
    let deploy = Deploy::begin(&site, "victim");
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 3);
    let struck = scene.strike("victim");
    site.kill_agent("victim");
    let allowance = Allowance { cut_logs: ["victim".to_owned()].into(), ..Allowance::default() };
    let mut round = scene.end_elsewhere(&site, &allowance, &struck);
    round.join(deploy.end_unknown());
    site.start_agent("victim");
    round.join(works_again(&site, "victim"));
    round
}

const TESTS: u32 = 40;
