//! 200 ms each way, and every twentieth packet is lost: nobody may be taken for dead.

use std::time::Duration;

use super::Setting;
use crate::cluster::promises::Allowance;
use crate::cluster::round::Round;
use crate::cluster::scene::{Deploy, Scene};
use crate::cluster::site::{Disk, Road, Settings, Site};
use crate::cluster::workload::Suite;

pub(super) fn run(setting: Setting) -> Round {
    let settings =
        Settings { heartbeat_ms: 1_500, lease_ms: 5_000, lease_unrepeatable_ms: 30_000, ..Settings::default() };
    let mut site = Site::empty(settings);
    site.proxy.delay(Duration::from_millis(200));
    for name in ["far", "farther"] {
        site.add_agent(name, Road::Proxy, Disk::Shared);
        site.switch.lose(&site.agent(name).host, 5);
    }
    let deploy = Deploy::begin(&site, "far");
    let tests = if setting.is_long { 200 } else { 20 };
    let scene = Scene::begin(&site, Suite { tests, seconds: "0.3", lines: 20, role: None });
    let mut round = scene.end_since(&site, &Allowance::default(), &[]);
    round.join(deploy.end_well());
    round
}
