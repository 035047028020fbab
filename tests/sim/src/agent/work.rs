//! Work with one process: the steps or the build of a job, and the discovery of a test job.

use muster_common::control::{Discovered, LeaseWork, Seal};
use muster_common::error_code::Reason;
use muster_common::id::{TestIndex, Token};
use muster_common::outcome::AttemptOutcome;
use muster_session::Work;
use sha2::{Digest as _, Sha256};

use super::attempt::Stage;
use crate::env::micros;
use crate::plan::{BadSeal, DiscoveryTruth, JobTruth, ListChange, SuiteTruth, WorkEnd, WorkTruth};
use crate::world::World;

impl World {
    /// The process runs from now on.
    pub(super) fn begin_work(&mut self, agent: usize, token: Token) {
        let plan = std::rc::Rc::clone(&self.env.plan);
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        attempt.stage = Stage::Working;
        let work = work_of(attempt.truth.of(&plan));
        let kills = attempt.lease.attempt <= work.kills;
        if work.end == WorkEnd::Hangs && !kills {
            return;
        }
        let span = micros(work.duration) / if kills { 2 } else { 1 };
        self.next_turn(agent, token, span);
    }

    /// Its time is over: it ends as it does.
    pub(super) fn worked(&mut self, agent: usize, token: Token) {
        let plan = std::rc::Rc::clone(&self.env.plan);
        let Some(attempt) = self.agents[agent].attempts.get(&token) else { return };
        let (truth, number) = (attempt.truth.of(&plan), attempt.lease.attempt);
        let is_discovery = matches!(attempt.lease.work, LeaseWork::Discover(_));
        let work = work_of(truth);
        if number <= work.kills {
            return self.crash_agent(agent);
        }
        let reason = |code| Reason::new(code, "as planned");
        match (&work.end, truth) {
            (WorkEnd::Passes | WorkEnd::PassesWithoutArtifact, JobTruth::Suite(suite)) if is_discovery => {
                self.list_tests(agent, token, suite, number);
            }
            (WorkEnd::CancelsItself(times), JobTruth::Suite(suite)) if is_discovery && number > *times => {
                self.list_tests(agent, token, suite, number);
            }
            (WorkEnd::CancelsItself(times), _) if number <= *times => {
                self.finish(agent, token, AttemptOutcome::Cancelled);
            }
            (WorkEnd::Passes | WorkEnd::CancelsItself(_), _) => self.finish(agent, token, AttemptOutcome::Passed),
            (WorkEnd::PassesWithoutArtifact, _) => {
                self.finish_with(agent, token, AttemptOutcome::Passed, true, None);
            }
            (WorkEnd::Fails(code), _) => self.finish(agent, token, AttemptOutcome::Failed { reason: reason(*code) }),
            (WorkEnd::Errs(code), _) => self.finish(agent, token, AttemptOutcome::Errored { reason: reason(*code) }),
            (WorkEnd::Hangs, _) => {}
        }
    }

    fn list_tests(&mut self, agent: usize, token: Token, suite: &SuiteTruth, number: u32) {
        let names = listed(suite, number);
        let seal = sealed(&suite.discovery, &names);
        let part = suite.discovery.part.max(1);
        let parts = names.chunks(part).count();
        let said = if suite.discovery.seal == Some(BadSeal::CutOff) { parts.saturating_sub(1) } else { parts };
        let mut first = 0_u32;
        for tests in names.chunks(part).take(said) {
            let message = Discovered { token, first: TestIndex(first), tests: tests.to_vec() };
            first += u32::try_from(tests.len()).unwrap_or(u32::MAX);
            self.say(agent, Work::Discovered(message));
        }
        self.finish_with(agent, token, AttemptOutcome::Passed, false, seal);
    }
}

fn work_of(truth: &JobTruth) -> &WorkTruth {
    match truth {
        JobTruth::Work(work) => work,
        JobTruth::Suite(suite) => &suite.discovery.work,
    }
}

fn listed(suite: &SuiteTruth, number: u32) -> Vec<String> {
    let mut names: Vec<String> = suite.tests.iter().map(|test| test.name.clone()).collect();
    match suite.discovery.change {
        ListChange::None => {}
        ListChange::Reversed if number.is_multiple_of(2) => names.reverse(),
        ListChange::Reversed => {}
        ListChange::Shrinks if number > 1 => {
            names.pop();
        }
        ListChange::Shrinks => {}
    }
    if suite.discovery.seal == Some(BadSeal::Twice) && names.len() > 1 {
        let first = names[0].clone();
        if let Some(last) = names.last_mut() {
            *last = first;
        }
    }
    names
}

fn sealed(discovery: &DiscoveryTruth, names: &[String]) -> Option<Seal> {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    let mut seal = Seal { count: u32::try_from(names.len()).unwrap_or(u32::MAX), sha256: hash.finalize().into() };
    match discovery.seal {
        None | Some(BadSeal::Twice | BadSeal::CutOff) => {}
        Some(BadSeal::Missing) => return None,
        Some(BadSeal::Count) => seal.count += 1,
        Some(BadSeal::Digest) => seal.sha256[0] ^= 1,
    }
    Some(seal)
}
