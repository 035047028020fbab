//! The disk of an agent has no room any more, in the middle of a run, and has room again later.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::Setting;
use crate::cluster::promises::Allowance;
use crate::cluster::round::Round;
use crate::cluster::scene::{Scene, works_again};
use crate::cluster::site::{Disk, Road, Settings, Site};
use crate::cluster::workload::Suite;

pub(super) fn run(_: Setting) -> Round {
    let mut site = Site::start(Settings::default(), &["survivor"]);
    site.add_agent("full", Road::Straight, Disk::Small);
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 3);
    let struck = scene.strike("full");
    let filler = site.directory("full").join("filler");
    fill(&filler);
    // Its logs cannot be kept, and the log says so.
    let allowance = Allowance { cut_logs: ["full".to_owned()].into(), ..Allowance::default() };
    let mut round = scene.end_elsewhere(&site, &allowance, &struck);
    std::fs::remove_file(&filler).expect("it is there");
    round.join(works_again(&site, "full"));
    round
}

/// Writes until there is no room for a single byte.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("there is room for a name");
    for size in [64 << 10, 4 << 10, 64, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

const TESTS: u32 = 40;
