//! An agent's line takes 64 kbit/s, and its work floods its log: heartbeats still come in time.

use super::Setting;
use crate::cluster::promises::Allowance;
use crate::cluster::round::{Kind, Round};
use crate::cluster::scene::{Deploy, Scene};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::{LINE_BYTES, Suite};

pub(super) fn run(setting: Setting) -> Round {
    let settings =
        Settings { heartbeat_ms: 1_500, lease_ms: 5_000, lease_unrepeatable_ms: 30_000, ..Settings::default() };
    let site = Site::start(settings, &["slow"]);
    let deploy = Deploy::begin(&site, "slow");
    let host = &site.agent("slow").host;
    host.limit_rate("64kbit");
    let seconds = if setting.is_long { 60 } else { 10 };
    let lines = u32::try_from(seconds * BYTES_PER_S / (LINE_BYTES * TESTS as usize)).unwrap_or(u32::MAX);
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.1", lines, role: None });
    let mut round = scene.end_since(&site, &Allowance::default(), &[]);
    if round.unheard > 0 {
        round.violate(Kind::Repeated, "an agent that was only slow was taken for dead");
    }
    round.join(deploy.end_well());
    host.unlimit_rate();
    round
}

const TESTS: u32 = 8;
const BYTES_PER_S: usize = 8_000;
