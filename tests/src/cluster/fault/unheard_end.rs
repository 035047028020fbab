//! An agent is killed when its work has ended and nobody has heard of it: its spool has. Without its spool the work runs
//! again, and that is counted.

use std::fs;

use super::Setting;
use crate::cluster::ledger::{Ledger, Word};
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::{Kind, Round};
use crate::cluster::scene::Scene;
use crate::cluster::site::{Settings, Site, wait_for};
use crate::cluster::workload::Suite;

pub(super) fn spool_kept(_: Setting) -> Round {
    let mut round = run(false);
    if round.unheard > 0 {
        round.violate(Kind::Repeated, "ends that stood in a spool ran again");
    }
    round
}

pub(super) fn spool_gone(_: Setting) -> Round {
    run(true)
}

fn run(is_spool_gone: bool) -> Round {
    let mut site = Site::start(Settings::default(), &["victim", "survivor"]);
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 3);
    // In the middle of a test, so that there is an end to come.
    let struck = scene.strike("victim");
    site.kill_coordinator();
    wait_for("the end of what is under way", || scene.is_still());
    let directory = site.directory("victim");
    let spool = directory.join("spool").join("messages");
    wait_for("results in the spool", || {
        holds_all(&scene.suite.ledger(), fs::metadata(&spool).map_or(0, |spool| spool.len()))
    });
    site.kill_agent("victim");
    if is_spool_gone {
        fs::remove_dir_all(&directory).expect("it is the agent's own");
    }
    site.start_agent("victim");
    site.start_coordinator();
    let restarted = Moment::now();
    let allowance = Allowance { cut_logs: ["victim".to_owned()].into(), ..Allowance::default() };
    let mut round = scene.end_since(&site, &allowance, &[restarted]);
    assert!(struck.at() < restarted);
    round.recovery_s = round.recovery_s.map(|seconds| seconds.max(0.0));
    round
}

/// Every process has written its log to its end, and something is in the spool.
fn holds_all(ledger: &Ledger, spool_bytes: u64) -> bool {
    let is_logged = |process| ledger.of(Word::Logged).any(|logged| logged.process == process);
    spool_bytes > 0 && ledger.of(Word::End).all(|end| is_logged(end.process))
}

const TESTS: u32 = 40;
