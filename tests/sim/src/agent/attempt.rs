//! One attempt on an agent: from its lease to its end.

use std::collections::{BTreeMap, VecDeque};

use muster_common::control::{ArtifactMade, Batch, Finished, Lease, LeaseWork, Seal};
use muster_common::digest::Digest;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::Token;
use muster_common::outcome::{AttemptOutcome, Outcome};
use muster_common::spec::BUILD_ARTIFACT;
use muster_session::{StopReason, Work};

use super::shard::Running;
use crate::env::{Env, TruthPlace};
use crate::event::Event;
use crate::history::{Observation, Process, ProcessEnd, Ran};
use crate::plan::Sickness;
use crate::trace::trace;
use crate::world::World;

/// An attempt that has a slot.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) lease: Lease,
    pub(super) truth: TruthPlace,
    pub(super) stage: Stage,
    /// Number of its next turn: an older turn is void.
    pub(super) serial: u32,
    /// The process that runs.
    pub(crate) process: Option<Process>,
    pub(super) stop: Option<StopReason>,
    /// Batches that wait.
    pub(super) waiting: VecDeque<Batch>,
    pub(super) running: Option<Running>,
    /// For a shard: how many were started of its job before, over the whole simulation, plus one.
    pub(super) number: u32,
    pub(super) has_invented: bool,
}

/// What an attempt is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its workspace is made.
    Preparing,
    /// Its one process runs.
    Working,
    /// A shard is set up.
    SettingUp,
    /// A shard waits for tests.
    Idle,
    /// A runner is being started.
    Starting,
    /// A test runs.
    Testing,
    /// It was told to stop, and takes its time.
    Stopping,
}

impl World {
    pub(super) fn start_attempt(&mut self, agent: usize, lease: Lease) {
        let token = lease.token;
        let Some(truth) = Env::truth(&self.env.plan, &self.env.runs, lease.job) else {
            return self.violated("a lease is of an accepted run", format!("{token} of job {}", lease.job));
        };
        let number = match lease.work {
            LeaseWork::Shard(_) => {
                let shards = self.env.shards.entry(lease.job).or_default();
                *shards += 1;
                *shards
            }
            LeaseWork::Steps(_) | LeaseWork::TestBuild(_) | LeaseWork::Discover(_) => 0,
        };
        let life = self.agents[agent].life;
        self.env.after(lease.timeout_ms.saturating_mul(1_000), Event::AttemptTimeout { agent, life, token });
        let attempt = Attempt {
            lease,
            truth,
            stage: Stage::Preparing,
            serial: 0,
            process: None,
            stop: None,
            waiting: VecDeque::new(),
            running: None,
            number,
            has_invented: false,
        };
        let setup = attempt.setup(&self.env);
        self.agents[agent].attempts.insert(token, attempt);
        self.next_turn(agent, token, setup);
    }

    /// Gives an attempt its next turn after a span of its agent's own speed; any other turn is void.
    pub(super) fn next_turn(&mut self, agent: usize, token: Token, span: u64) {
        let speed = u64::from(self.env.plan.agents[agent].speed_percent.max(1));
        let life = self.agents[agent].life;
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        attempt.serial += 1;
        let serial = attempt.serial;
        self.env.after(span.saturating_mul(100) / speed, Event::Attempt { agent, life, token, serial });
    }

    pub(crate) fn on_attempt(&mut self, agent: usize, life: u64, token: Token, serial: u32) {
        if self.agents[agent].life != life {
            return;
        }
        let is_frozen = self.agents[agent].is_frozen;
        let Some(attempt) = self.agents[agent].attempts.get(&token) else { return };
        if attempt.serial != serial {
            return;
        }
        match attempt.stage {
            // The agent's own process does this; what runs in processes of its own goes on.
            Stage::Preparing | Stage::SettingUp | Stage::Starting | Stage::Stopping if is_frozen => {
                self.agents[agent].deferred.push((token, serial));
                return;
            }
            Stage::Preparing => self.prepared(agent, token),
            Stage::Working => self.worked(agent, token),
            Stage::SettingUp => self.set_up(agent, token),
            Stage::Starting | Stage::Testing => self.test_turn(agent, token),
            Stage::Stopping => self.stopped(agent, token),
            Stage::Idle => {}
        }
        self.pump(agent);
    }

    pub(crate) fn on_attempt_timeout(&mut self, agent: usize, life: u64, token: Token) {
        if self.agents[agent].life == life && self.agents[agent].attempts.contains_key(&token) {
            self.stop_attempt(agent, token, StopReason::Timeout);
        }
    }

    /// The workspace stands: the first process is started, if it can be.
    fn prepared(&mut self, agent: usize, token: Token) {
        let plan = std::rc::Rc::clone(&self.env.plan);
        let Some(attempt) = self.agents[agent].attempts.get(&token) else { return };
        let sickness = attempt.sickness(&plan);
        if let Some(sick) = sickness.filter(|sick| sick.agents.contains(&plan.agents[agent].agent)) {
            let reason = Reason::new(sick.code, "this machine is sick");
            return self.finish(agent, token, AttemptOutcome::Errored { reason });
        }
        let is_shard = matches!(attempt.lease.work, LeaseWork::Shard(_));
        let work = match attempt.lease.work {
            LeaseWork::Steps(_) | LeaseWork::TestBuild(_) => Ran::Work,
            LeaseWork::Discover(_) => Ran::Discovery,
            LeaseWork::Shard(_) => Ran::Setup,
        };
        let attempt_number = attempt.lease.attempt;
        self.say(agent, Work::Started(token));
        if !self.start_process(agent, token, token, work, attempt_number) {
            return;
        }
        if is_shard {
            self.begin_setup(agent, token);
        } else {
            self.begin_work(agent, token);
        }
    }

    /// Starts a process of an attempt. Returns whether it runs: at the end of its lifeline it is ended at once.
    pub(super) fn start_process(&mut self, agent: usize, attempt: Token, token: Token, work: Ran, number: u32) -> bool {
        let life = self.agents[agent].life;
        let now = self.agents[agent].clock.read(self.env.now).monotonic;
        let lifeline = self.agents[agent].lifeline;
        let Some(found) = self.agents[agent].attempts.get_mut(&attempt) else { return false };
        let process = Process {
            agent,
            life,
            token,
            job: found.lease.job,
            work,
            attempt: number,
            is_repeatable: found.lease.is_repeatable,
        };
        if !process.is_repeatable {
            if now >= lifeline {
                self.fence_attempt(agent, attempt);
                return false;
            }
            found.process = Some(process);
            self.env.note(Observation::ProcessStarted(process));
            self.arm_keeper(agent);
            return true;
        }
        found.process = Some(process);
        self.env.note(Observation::ProcessStarted(process));
        true
    }

    /// The process of an attempt has ended.
    pub(super) fn end_process(&mut self, agent: usize, token: Token, end: ProcessEnd) {
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        if let Some(process) = attempt.process.take() {
            self.env.note(Observation::ProcessEnded { process, end });
        }
    }

    /// A keeper ends what is not safe to repeat, because nobody can say that its lease goes on.
    pub(super) fn fence_attempt(&mut self, agent: usize, token: Token) {
        trace!(self.env, "agent {agent}: the keeper of {token} ends it");
        self.end_process(agent, token, ProcessEnd::Fenced);
        self.finish(agent, token, fenced());
    }

    /// The session wants an attempt stopped. Only the first reason counts.
    pub(super) fn stop_attempt(&mut self, agent: usize, token: Token, reason: StopReason) {
        let Some(attempt) = self.agents[agent].attempts.get_mut(&token) else { return };
        if attempt.stop.is_some() {
            return;
        }
        attempt.stop = Some(reason);
        attempt.stage = Stage::Stopping;
        let ladder = self.env.between(0, STOP_MICROS_MAX);
        self.next_turn(agent, token, ladder);
    }

    fn stopped(&mut self, agent: usize, token: Token) {
        let Some(reason) = self.agents[agent].attempts.get(&token).and_then(|attempt| attempt.stop) else { return };
        self.end_process(agent, token, ProcessEnd::Stopped);
        let outcome = match reason {
            StopReason::Cancelled | StopReason::Superseded => AttemptOutcome::Cancelled,
            StopReason::Timeout => AttemptOutcome::TimedOut,
            StopReason::Fenced => fenced(),
        };
        self.finish(agent, token, outcome);
    }

    /// An attempt ends without handing over anything.
    pub(super) fn finish(&mut self, agent: usize, token: Token, outcome: AttemptOutcome) {
        self.finish_with(agent, token, outcome, false, None);
    }

    /// An attempt ends.
    pub(super) fn finish_with(
        &mut self,
        agent: usize,
        token: Token,
        outcome: AttemptOutcome,
        leaves_out: bool,
        seal: Option<Seal>,
    ) {
        let end = match outcome {
            AttemptOutcome::Passed => Outcome::Passed,
            AttemptOutcome::Failed { .. } => Outcome::Failed,
            AttemptOutcome::Errored { .. } => Outcome::Errored,
            AttemptOutcome::TimedOut => Outcome::TimedOut,
            AttemptOutcome::Cancelled => Outcome::Cancelled,
        };
        self.end_process(agent, token, ProcessEnd::Ended(end));
        let Some(attempt) = self.agents[agent].attempts.remove(&token) else { return };
        let has_passed = outcome == AttemptOutcome::Passed;
        let (artifacts, outputs) =
            if has_passed { handed_over(&attempt.lease, leaves_out) } else { (Vec::new(), BTreeMap::new()) };
        let finished = Finished { token, outcome, log_bytes: 1, is_log_complete: true, artifacts, outputs, seal };
        self.say(agent, Work::Finished(Box::new(finished)));
        if std::mem::take(&mut self.agents[agent].drains_at_next_end) {
            self.env.after(DRAINS_AFTER, Event::AgentDeparts(agent));
        }
    }
}

impl Attempt {
    /// How long the making of the workspace takes.
    fn setup(&self, env: &Env) -> u64 {
        use crate::plan::JobTruth;
        let span = match (self.truth.of(&env.plan), &self.lease.work) {
            (JobTruth::Work(work), _) => work.setup,
            (JobTruth::Suite(suite), LeaseWork::Shard(_)) => suite.shard_setup / 2,
            (JobTruth::Suite(suite), _) => suite.discovery.work.setup,
        };
        crate::env::micros(span)
    }

    fn sickness<'a>(&self, plan: &'a crate::plan::Plan) -> Option<&'a Sickness> {
        use crate::plan::JobTruth;
        match (self.truth.of(plan), &self.lease.work) {
            (JobTruth::Work(work), _) => work.sickness.as_ref(),
            (JobTruth::Suite(suite), LeaseWork::Shard(_)) => suite.sickness.as_ref(),
            (JobTruth::Suite(suite), _) => suite.discovery.work.sickness.as_ref(),
        }
    }
}

fn handed_over(lease: &Lease, leaves_out: bool) -> (Vec<ArtifactMade>, BTreeMap<String, String>) {
    let root = Digest { hash: [7; 32], size_bytes: 1 };
    let mut names: Vec<String> = lease.artifacts.iter().map(|artifact| artifact.name.clone()).collect();
    if matches!(lease.work, LeaseWork::TestBuild(_)) && !names.iter().any(|name| name == BUILD_ARTIFACT) {
        names.push(BUILD_ARTIFACT.to_owned());
    }
    if leaves_out {
        names.pop();
    }
    let artifacts = names.into_iter().map(|name| ArtifactMade { name, root }).collect();
    let outputs = lease.outputs.keys().map(|name| (name.clone(), "1".to_owned())).collect();
    (artifacts, outputs)
}

fn fenced() -> AttemptOutcome {
    AttemptOutcome::Errored { reason: Reason::new(ReasonCode::OutcomeUnknown, "its lease could not be renewed") }
}

/// From the end of an attempt to the moment at which its agent drains, if it waited for that: no answer can be there yet.
const DRAINS_AFTER: u64 = 20;
/// How long processes may take to end when they are told to.
const STOP_MICROS_MAX: u64 = 3_000_000;
