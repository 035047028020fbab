//! Work on a cluster to which something is done, from its submission to the judgement.

use std::time::Duration;

use super::ledger::{Entry, Ledger, Word};
use super::moment::Moment;
use super::promises::{Allowance, DeployEnd, judge_deploy, judge_logs, judge_suite};
use super::round::Round;
use super::site::{Site, wait_for};
use super::watch::{Watch, Watched};
use super::workload::{Suite, Workload};

/// A run of a suite that is under way.
#[derive(Debug)]
pub struct Scene {
    /// The suite.
    pub suite: Workload,
    /// Its run.
    pub watch: Watch,
    run: String,
}

/// A run of a deploy that is under way.
#[derive(Debug)]
pub struct Deploy {
    work: Workload,
    watch: Watch,
}

/// What an agent was at when something was done to it.
#[derive(Clone, Debug)]
pub struct Struck {
    agent: String,
    at: Moment,
    open: Vec<Entry>,
}

impl Scene {
    /// Submits a suite.
    #[must_use]
    pub fn begin(site: &Site, suite: Suite) -> Self {
        let suite = Workload::suite(suite);
        let watch = Watch::begin(site, &suite.folder());
        let run = watch.run();
        Self { suite, watch, run }
    }

    /// Waits until so many tests have begun.
    pub fn wait_begun(&self, count: usize) {
        wait_for(&format!("{count} tests that begin"), || self.suite.ledger().begun() >= count);
    }

    /// Waits until an agent has a test under way, and some have ended; what it is at then.
    #[must_use]
    pub fn strike(&self, agent: &str) -> Struck {
        let open = || {
            let ledger = self.suite.ledger();
            let begun = ledger.of(Word::Begin).filter(|begin| begin.agent == agent && !ledger.has_ended(begin));
            begun.cloned().collect::<Vec<_>>()
        };
        wait_for(&format!("a test under way on {agent}"), || !open().is_empty());
        Struck { agent: agent.to_owned(), at: Moment::now(), open: open() }
    }

    /// Whether no test is under way anywhere.
    #[must_use]
    pub fn is_still(&self) -> bool {
        let ledger = self.suite.ledger();
        ledger.of(Word::Begin).all(|begin| ledger.has_ended(begin))
    }

    /// Waits for the run's end and judges it. The recovery is how long it took until what a struck agent was at ran on
    /// another.
    #[must_use]
    pub fn end_elsewhere(self, site: &Site, allowance: &Allowance, struck: &Struck) -> Round {
        let (mut round, _, ledger) = self.end(site, allowance);
        round.recovery_s = struck.taken_up(ledger.of(Word::Begin));
        round
    }

    /// Waits for the run's end and judges it. The recovery is the longest time from one of these moments until the client
    /// heard of a result again.
    #[must_use]
    pub fn end_since(self, site: &Site, allowance: &Allowance, since: &[Moment]) -> Round {
        let (mut round, watched, _) = self.end(site, allowance);
        round.recovery_s = since.iter().filter_map(|at| watched.next_result(*at)).max_by(f64::total_cmp);
        round
    }

    /// Waits for the run's end and judges it.
    #[must_use]
    pub fn end(self, site: &Site, allowance: &Allowance) -> (Round, Watched, Ledger) {
        let Self { suite, watch, run } = self;
        let watched = watch.end();
        let ledger = suite.ledger();
        let logs = whole_logs(site, &run, &ledger, allowance);
        let round = judge_suite(&suite, &ledger, &watched, &logs, allowance);
        if !round.violations.is_empty() {
            eprintln!("{}", site.said());
        }
        (round, watched, ledger)
    }
}

impl Struck {
    fn taken_up<'a>(&self, begins: impl Iterator<Item = &'a Entry>) -> Option<f64> {
        let elsewhere = begins.filter(|begin| {
            begin.at > self.at && begin.agent != self.agent && self.open.iter().any(|open| open.name == begin.name)
        });
        elsewhere.map(|begin| begin.at.since(self.at)).min_by(f64::total_cmp)
    }
}

impl Deploy {
    /// Submits a deploy for an agent, and returns once it has begun.
    #[must_use]
    pub fn begin(site: &Site, agent: &str) -> Self {
        let work = Workload::deploy(agent);
        let watch = Watch::begin(site, &work.folder());
        wait_for("a deploy that begins", || work.ledger().begun() == 1);
        Self { work, watch }
    }

    /// Lets it come to its end, which must be heard.
    #[must_use]
    pub fn end_well(self) -> Round {
        self.work.let_end();
        self.end(DeployEnd::Passed)
    }

    /// Waits until its lease has run out. It must have been stopped by then.
    #[must_use]
    pub fn end_unknown(self) -> Round {
        self.end(DeployEnd::Unknown)
    }

    fn end(self, end: DeployEnd) -> Round {
        let watched = self.watch.end();
        // Time to live on, if it does.
        std::thread::sleep(PULSES);
        judge_deploy(&self.work.ledger(), &watched, end)
    }
}

/// A run's log, once it is whole, or has not grown for long. A test job ends with the verdict of its last test: what its
/// shards have written by then may still be on its way.
fn whole_logs(site: &Site, run: &str, ledger: &Ledger, allowance: &Allowance) -> String {
    let mut known = String::new();
    let mut grown = Moment::now();
    loop {
        let logs = site.run(&["logs", run]).stdout;
        let mut found = Round::default();
        judge_logs(ledger, &logs, allowance, &mut found);
        if logs.len() > known.len() {
            grown = Moment::now();
        }
        if found.violations.is_empty() || Moment::now().since(grown) > LOG_SILENCE_S {
            return logs;
        }
        known = logs;
        std::thread::sleep(PULSES);
    }
}

/// Proves that an agent works as ever: a suite of its own ends as it must.
#[must_use]
pub fn works_again(site: &Site, agent: &'static str) -> Round {
    let healed = Moment::now();
    let suite = Suite { tests: 4, seconds: "0", lines: 5, role: Some(agent) };
    let mut round = Scene::begin(site, suite).end_since(site, &Allowance::default(), &[healed]);
    round.recovery_s = None;
    round
}

/// Longer than any log takes to go on that will.
const LOG_SILENCE_S: f64 = 20.0;
/// Several pulses of a deploy.
const PULSES: Duration = Duration::from_millis(500);
