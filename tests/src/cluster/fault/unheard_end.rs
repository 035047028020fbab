//! An agent is killed when its work has ended and nobody has heard of it: its spool has, and what stands there counts.
//! Until its next life has said it, others may begin the same, and without a spool they must: that is counted.

use std::collections::BTreeSet;
use std::fs;

use super::Setting;
use crate::cluster::ledger::{Entry, Ledger, Word};
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::{Kind, Round};
use crate::cluster::scene::Scene;
use crate::cluster::site::{Settings, Site, wait_for};
use crate::cluster::spool::results_in;
use crate::cluster::workload::Suite;

pub(super) fn spool_kept(_: Setting) -> Round {
    run(Spool::Kept)
}

pub(super) fn spool_gone(_: Setting) -> Round {
    run(Spool::Gone)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spool {
    Kept,
    Gone,
}

fn run(spool: Spool) -> Round {
    let mut site = Site::start(Settings::default(), &["victim", "survivor"]);
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 3);
    // In the middle of a test, so that there is an end to come.
    let _ = scene.strike("victim");
    site.kill_coordinator();
    let killed = Moment::now();
    wait_for("the end of what is under way", || scene.is_still());
    let directory = site.directory("victim");
    wait_for("its results in the spool", || {
        let results = results_in(&directory.join("spool"));
        ended_since(&scene.suite.ledger(), killed).is_some_and(|ended| ended.is_subset(&results))
    });
    site.kill_agent("victim");
    let heard_of = match spool {
        Spool::Kept => results_in(&directory.join("spool")),
        Spool::Gone => {
            fs::remove_dir_all(&directory).expect("it is the agent's own");
            BTreeSet::new()
        }
    };
    site.start_agent("victim");
    site.start_coordinator();
    let restarted = Moment::now();
    let allowance = Allowance { cut_logs: ["victim".to_owned()].into(), ..Allowance::default() };
    let (mut round, watched, ledger) = scene.end(&site, &allowance);
    round.recovery_s = watched.next_result(restarted);
    let counted = watched.tests_of("victim");
    for test in heard_of.difference(&counted) {
        if !is_begun_elsewhere(&ledger, test, killed) {
            round.violate(Kind::Lost, format!("a result of {test} stood in the spool, and did not count"));
        }
    }
    round
}

/// Whether another agent has begun a test since a moment: until the next life of the victim has said what stands in its
/// spool it may, and then whoever is heard first counts.
fn is_begun_elsewhere(ledger: &Ledger, test: &str, since: Moment) -> bool {
    ledger.of(Word::Begin).any(|entry| entry.agent != "victim" && entry.name == test && entry.at > since)
}

/// Tests of the victim's processes that were under way at a moment; none while one of them goes on. A result is said when
/// its process has ended.
fn ended_since(ledger: &Ledger, moment: Moment) -> Option<BTreeSet<String>> {
    let of_victim = |word| ledger.of(word).filter(|entry| entry.agent == "victim");
    let logged = |end: &Entry| of_victim(Word::Logged).find(|logged| logged.process == end.process);
    let mut tests = BTreeSet::new();
    for end in of_victim(Word::End) {
        if logged(end)?.at > moment {
            tests.insert(end.name.clone());
        }
    }
    Some(tests)
}

const TESTS: u32 = 40;
