//! The world: everything there is, and one thing that happens after another.

use std::rc::Rc;
use std::time::Duration;

use muster_scheduler::Row;

use crate::agent::Agent;
use crate::client::Clients;
use crate::clock::Clock;
use crate::coordinator::Coordinator;
use crate::disk::{Disk, Encoding};
use crate::env::{Env, micros};
use crate::event::Event;
use crate::fault;
use crate::history::Observation;
use crate::network::Network;
use crate::plan::Plan;
use crate::trace::trace;
use crate::view::{Check, Live, Moment, View};
use crate::watcher::Watchers;

/// What is simulated.
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) net: Network,
    pub(crate) disk: Disk,
    pub(crate) coordinators: Vec<Coordinator>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) clients: Clients,
    pub(crate) watchers: Watchers,
    pub(crate) options: Options,
    /// What a commit takes at least and at most.
    pub(crate) commit_micros: (u64, u64),
    pub(crate) is_boot_planned: bool,
    pub(crate) faults: fault::Standing,
    checks: Vec<Box<dyn Check>>,
    is_healed: bool,
    is_done: bool,
    violation: Option<Violation>,
}

/// How the world behaves beyond what the plan says.
pub(crate) struct Options {
    pub(crate) encoding: Option<Rc<dyn Encoding>>,
    pub(crate) turn_delay_max: u64,
    pub(crate) door_micros_max: u64,
    pub(crate) report_micros_max: u64,
    pub(crate) coordinator_down_max: u64,
    pub(crate) duplicate_permille: u32,
    pub(crate) lost_answer_permille: u32,
    /// Agents that leave wait for the end of something that they run, so that the next lease crosses their word.
    pub(crate) drains_between_leases: bool,
}

/// A promise that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub promise: String,
    /// What was seen.
    pub what: String,
    /// When, in real time.
    pub at: Duration,
}

impl World {
    pub(crate) fn new(plan: Plan, options: Options, checks: Vec<Box<dyn Check>>, is_traced: bool) -> Self {
        let seed = plan.seed;
        let mut env = Env::new(plan, is_traced);
        let plan = Rc::clone(&env.plan);
        let agents =
            plan.agents.iter().map(|agent| Agent::new(Clock::new(env.between(0, 1 << 40), agent.drift_ppm))).collect();
        let commit_low = env.between(50, 2_000);
        let commit_high = commit_low + env.between(0, 20_000);
        Self {
            net: Network::new(seed, plan.agents.len()),
            disk: Disk::default(),
            coordinators: Vec::new(),
            agents,
            clients: Clients::new(plan.runs.len()),
            watchers: Watchers::default(),
            options,
            commit_micros: (commit_low, commit_high),
            is_boot_planned: false,
            faults: fault::Standing::default(),
            checks,
            is_healed: false,
            is_done: false,
            violation: None,
            env,
        }
    }

    /// Has everything happen that is planned, and what comes of it.
    pub(crate) fn run(&mut self, acts: Vec<(u64, fault::Act)>) {
        let plan = Rc::clone(&self.env.plan);
        self.plan_boot(0);
        for (agent, planned) in plan.agents.iter().enumerate() {
            self.env.queue.push(micros(planned.joins), Event::AgentBoot(agent));
            if let Some((at, _)) = planned.leaves {
                self.env.queue.push(micros(at), Event::AgentDeparts(agent));
            }
        }
        for (run, planned) in plan.runs.iter().enumerate() {
            for at in std::iter::once(&planned.at).chain(&planned.again) {
                self.env.queue.push(micros(*at), Event::Submit(run));
            }
        }
        for (deed, planned) in plan.deeds.iter().enumerate() {
            self.env.queue.push(micros(planned.at), Event::Deed(deed));
        }
        for (at, act) in acts {
            self.env.queue.push(at, Event::Fault(act));
        }
        self.env.queue.push(micros(plan.horizon), Event::Heal);
        self.go_on(micros(plan.horizon + plan.patience));
    }

    fn go_on(&mut self, until: u64) {
        while !self.is_over() && !self.is_done {
            let Some((at, event)) = self.env.queue.pop_until(until) else { break };
            self.env.now = at;
            self.env.trace.mix(&[at, self.env.steps]);
            self.on(event);
            if self.is_healed {
                self.is_done = self.has_all_ended();
            }
        }
        if self.is_over() {
            return;
        }
        if !self.is_done {
            let what = self.what_is_left();
            return self.violated("everything ends once all is well", what);
        }
        self.look(Moment::End);
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::AgentWake(agent) => self.on_agent_wake(agent),
            Event::AgentBoot(agent) => self.on_agent_boot(agent),
            Event::AgentDeparts(agent) => self.on_agent_departs(agent),
            Event::Attempt { agent, life, token, serial } => self.on_attempt(agent, life, token, serial),
            Event::AttemptTimeout { agent, life, token } => self.on_attempt_timeout(agent, life, token),
            Event::Keeper { agent, life } => self.on_keeper(agent, life),
            Event::Up(stream) => self.on_up(stream),
            Event::Down(stream) => self.on_down(stream),
            Event::Door(stream) => self.on_door(stream),
            Event::Turn(coordinator) => self.on_turn(coordinator),
            Event::CommitDone(coordinator) => self.on_commit_done(coordinator),
            Event::CoordinatorBoot => self.on_coordinator_boot(),
            Event::CoordinatorRestore(coordinator) => self.on_coordinator_restore(coordinator),
            Event::ReportStored { coordinator, run } => self.on_report_stored(coordinator, run),
            Event::Request(call) => self.on_request(call),
            Event::Reply(call) => self.on_reply(call),
            Event::Submit(plan) => self.on_submit(plan),
            Event::Deed(place) => self.on_deed(place),
            Event::Cancel(plan) => self.on_cancel(plan),
            Event::Watch(watcher) => self.on_watch(watcher),
            Event::Fault(act) => self.on_fault(act),
            Event::Heal => self.on_heal(),
        }
    }

    fn on_heal(&mut self) {
        trace!(self.env, "everything is made well");
        self.is_healed = true;
        self.options.duplicate_permille = 0;
        self.options.lost_answer_permille = 0;
        self.heal();
        self.env.note(Observation::Healed);
    }

    /// Whether every run that was accepted has ended and been retired, and every client has its answer.
    fn has_all_ended(&self) -> bool {
        self.clients.are_answered() && self.first_open_run().is_none() && self.is_quiet()
    }

    fn first_open_run(&self) -> Option<&Row> {
        use muster_common::id::RunId;
        use muster_scheduler::Key;
        let rows = self.disk.rows().range(Key::Run(RunId(0))..=Key::Run(RunId(u64::MAX)));
        rows.map(|(_, row)| row.as_ref()).next()
    }

    /// Whether no agent runs anything or has anything to say.
    fn is_quiet(&self) -> bool {
        self.agents.iter().filter_map(Agent::session).all(|session| {
            let load = session.load();
            load.running == 0 && load.unacknowledged == 0
        })
    }

    fn what_is_left(&self) -> String {
        if let Some(row) = self.first_open_run() {
            let jobs: Vec<String> = self
                .disk
                .rows()
                .values()
                .filter_map(|row| match row.as_ref() {
                    Row::Job(job) if job.end.is_none() => Some(format!("{} {job:?}", job.job)),
                    _ => None,
                })
                .take(5)
                .collect();
            let Row::Run(run) = row else { return String::new() };
            return format!("run {} has not ended or is not retired (end {:?}); open jobs: {jobs:?}", run.run, run.end);
        }
        if !self.clients.are_answered() {
            return "a client has no answer to its submit".to_owned();
        }
        let loads: Vec<_> = self.agents.iter().filter_map(Agent::session).map(muster_session::Session::load).collect();
        format!("agents are not idle: {loads:?}")
    }

    /// A promise does not hold. The first one counts.
    pub(crate) fn violated(&mut self, promise: &str, what: String) {
        if self.violation.is_none() {
            trace!(self.env, "VIOLATION: {promise}: {what}");
            self.violation =
                Some(Violation { promise: promise.to_owned(), what, at: Duration::from_micros(self.env.now) });
        }
    }

    /// Whether a promise did not hold, so that nothing more is to happen.
    pub(crate) const fn is_over(&self) -> bool {
        self.violation.is_some()
    }

    pub(crate) fn into_violation(self) -> (Env, Disk, Option<Violation>) {
        (self.env, self.disk, self.violation)
    }

    /// Has all checks look at what has just happened.
    pub(crate) fn look(&mut self, moment: Moment<'_>) {
        if self.checks.is_empty() || self.violation.is_some() {
            return;
        }
        let mut checks = std::mem::take(&mut self.checks);
        let view = self.view();
        let seen =
            checks.iter_mut().find_map(|check| check.look(&view, &moment).err().map(|what| (check.name(), what)));
        self.checks = checks;
        if let Some((promise, what)) = seen {
            self.violated(promise, what);
        }
    }

    fn view(&self) -> View<'_> {
        let lives = self.coordinators.iter().enumerate().filter_map(|(coordinator, found)| {
            let life = found.life.as_ref()?;
            Some(Live {
                coordinator,
                epoch: life.stamp.epoch,
                now: found.clock.read(self.env.now),
                scheduler: &life.scheduler,
                written: &life.written,
            })
        });
        View {
            at: Duration::from_micros(self.env.now),
            plan: &self.env.plan,
            live: lives.max_by_key(|live| live.epoch).filter(|live| live.epoch == self.disk.epoch()),
            disk: &self.disk,
            agents: &self.agents,
            history: &self.env.history,
            runs: &self.env.runs,
            steps: self.env.steps,
            is_healed: self.is_healed,
        }
    }
}
