//! The time of day steps by an hour, forth and back, on the coordinator and on its agents: no lease ends early or late.

use std::thread::sleep;
use std::time::Duration;

use super::Setting;
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::{Kind, Round};
use crate::cluster::scene::{Deploy, Scene};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::Suite;

pub(super) fn run(_: Setting) -> Round {
    let settings = Settings { has_own_clocks: true, ..Settings::default() };
    let site = Site::start(settings, &["agent-1", "agent-2"]);
    let deploy = Deploy::begin(&site, "agent-1");
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(3);
    let mut steps = Vec::new();
    let mut reached = Vec::new();
    for (of, offset_s) in [
        ("coordinator", HOUR_S),
        ("agents", -HOUR_S),
        ("coordinator", -HOUR_S),
        ("agents", HOUR_S),
        ("coordinator", 0),
        ("agents", 0),
    ] {
        site.set_clock(of, offset_s);
        steps.push(Moment::now());
        sleep(STEP);
        if of == "coordinator" {
            reached.push((offset_s, coordinator_offset_s(&site)));
        }
    }
    let mut round = scene.end_since(&site, &Allowance::default(), &steps);
    for (wanted, found) in reached {
        // Otherwise nothing was tested.
        assert!((found - f64::from(wanted)).abs() < 60.0, "the coordinator's clock is {found} s off, not {wanted}");
    }
    if round.unheard > 0 {
        round.violate(Kind::Repeated, "no agent died, and yet ended tests ran again");
    }
    round.join(deploy.end_well());
    round
}

/// How far the coordinator's time of day is from ours, by the submission of a run of nothing.
fn coordinator_offset_s(site: &Site) -> f64 {
    let work = site.home().join("nothing");
    std::fs::create_dir_all(&work).expect("the home can be written");
    std::fs::write(work.join("muster.yml"), "jobs:\n  nothing:\n    steps:\n      - run: 'true'\n").expect("the same");
    let submitted = Moment::now();
    let path = work.display().to_string();
    let ended = site.run(&["run", &path, "--detach"]);
    assert_eq!(ended.code(), 0, "{ended}");
    let runs = site.run(&["runs", "--json", "--limit", "1"]);
    let runs: serde_json::Value = serde_json::from_str(&runs.stdout).expect("it is JSON");
    let told = runs[0]["submitted_unix_ms"].as_f64().expect("a run was submitted");
    Moment::of_unix_ms(told).since(submitted)
}

const TESTS: u32 = 60;
const HOUR_S: i32 = 3_600;
const STEP: Duration = Duration::from_millis(600);
