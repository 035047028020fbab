//! Clients and operators: they ask, are answered or not, and ask again where that is safe.

use std::time::Duration;

use muster_common::id::RunId;
use muster_common::time::Wall;
use muster_scheduler::{Answer, Ask, Input, Refusal, TestName};

use crate::clock::WALL_BEGIN_MS;
use crate::coordinator::Message;
use crate::env::micros;
use crate::event::Event;
use crate::history::Observation;
use crate::plan::Deed;
use crate::trace::trace;
use crate::world::World;

/// A question's number.
pub(crate) type CallId = usize;

/// What is asked. Runs are planned ones, by their places, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Submit(usize),
    Cancel(usize, RunId),
    GetRun(RunId),
    GetSpec(RunId),
    ListRuns,
    ListRunTests { run: RunId, from: (u32, u32), limit: usize },
    Watch { watcher: usize, run: RunId },
    ListTests { plan: usize, from: (u32, u32), limit: usize },
    ListAgents,
    Overview,
    DrainAgent(usize),
    TrustAgent(usize),
    QuarantineTest { plan: usize, test: usize, span: Duration },
    ReleaseTest { plan: usize, test: usize },
}

/// A question on its way, or its answer.
#[derive(Debug)]
pub(crate) struct Call {
    question: Option<Question>,
    answer: Option<Answer>,
}

/// What clients know.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    calls: Vec<Call>,
    /// For each planned run the number under which it was accepted, as its client was told.
    pub(crate) accepted: Vec<Option<RunId>>,
    /// Planned runs that were refused for good.
    pub(crate) refused: Vec<bool>,
    /// Planned runs with a submit on its way.
    asking: Vec<u32>,
}

impl Clients {
    pub(crate) fn new(runs: usize) -> Self {
        Self { calls: Vec::new(), accepted: vec![None; runs], refused: vec![false; runs], asking: vec![0; runs] }
    }

    /// Whether every planned run has its answer.
    pub(crate) fn are_answered(&self) -> bool {
        self.accepted.iter().zip(&self.refused).all(|(accepted, refused)| accepted.is_some() || *refused)
    }
}

impl World {
    pub(crate) fn ask(&mut self, question: Question) {
        self.call(question);
    }

    /// Asks, and says under which number.
    pub(crate) fn call(&mut self, question: Question) -> CallId {
        if let Question::Submit(plan) = question {
            self.clients.asking[plan] += 1;
        }
        trace!(self.env, "client: asks {question:?}");
        self.clients.calls.push(Call { question: Some(question), answer: None });
        let call = self.clients.calls.len() - 1;
        let latency = self.net.latency(None);
        self.env.after(latency, Event::Request(call));
        call
    }

    pub(crate) fn on_request(&mut self, call: CallId) {
        match self.active_coordinator() {
            Some(coordinator) => self.tell(coordinator, Message::Ask(call)),
            None => self.fail_call(call),
        }
    }

    pub(crate) fn question_of(&self, call: CallId) -> Option<Question> {
        self.clients.calls.get(call).and_then(|call| call.question)
    }

    pub(crate) fn watcher_of(&self, call: CallId) -> Option<usize> {
        match self.question_of(call)? {
            Question::Watch { watcher, .. } => Some(watcher),
            Question::Submit(_)
            | Question::Cancel(..)
            | Question::GetRun(_)
            | Question::GetSpec(_)
            | Question::ListRuns
            | Question::ListRunTests { .. }
            | Question::ListTests { .. }
            | Question::ListAgents
            | Question::Overview
            | Question::DrainAgent(_)
            | Question::TrustAgent(_)
            | Question::QuarantineTest { .. }
            | Question::ReleaseTest { .. } => None,
        }
    }

    pub(crate) fn input_of(&self, ask: Ask, question: &Question) -> Input {
        match *question {
            Question::Submit(plan) => {
                let run = &self.env.plan.runs[plan];
                Input::SubmitRun { ask, spec: Box::new(run.spec.clone()), request_id: run.request_id.clone() }
            }
            Question::Cancel(_, run) => Input::CancelRun { ask, run },
            Question::GetRun(run) => Input::GetRun { ask, run },
            Question::GetSpec(run) => Input::GetSpec { ask, run },
            Question::ListTests { plan, from, limit } => {
                let project = self.env.plan.runs[plan].spec.project.clone();
                Input::ListTests { ask, project, name: None, from, limit }
            }
            Question::ListRuns => Input::ListRuns { ask },
            Question::ListRunTests { run, from, limit } => Input::ListRunTests { ask, run, from, limit },
            Question::Watch { run, .. } => Input::WatchRun { ask, run },
            Question::ListAgents => Input::ListAgents { ask },
            Question::Overview => Input::Overview { ask },
            Question::DrainAgent(agent) => Input::DrainAgent { ask, agent: self.env.plan.agents[agent].agent.clone() },
            Question::TrustAgent(agent) => Input::TrustAgent { ask, agent: self.env.plan.agents[agent].agent.clone() },
            Question::QuarantineTest { plan, test, span } => {
                let unix_ms = WALL_BEGIN_MS + (self.env.now + micros(span)) / 1_000;
                let (owner, reason, until) = ("somebody".to_owned(), "it is known".to_owned(), Wall { unix_ms });
                Input::QuarantineTest { ask, test: self.test_named(plan, test), owner, reason, until }
            }
            Question::ReleaseTest { plan, test } => Input::ReleaseTest { ask, test: self.test_named(plan, test) },
        }
    }

    fn test_named(&self, plan: usize, test: usize) -> TestName {
        let plan = &self.env.plan.runs[plan];
        let name = plan.tests().nth(test).map_or_else(String::new, |test| test.name.clone());
        TestName { project: plan.spec.project.clone(), job: None, name }
    }

    /// An answer is on its way; now and then it gets lost, and its client sees an error.
    pub(crate) fn reply(&mut self, call: CallId, answer: Answer) {
        if !self.net.happens(self.options.lost_answer_permille) {
            self.clients.calls[call].answer = Some(answer);
        }
        let latency = self.net.latency(None);
        self.env.after(latency, Event::Reply(call));
    }

    /// Nobody answers: the client sees an error.
    pub(crate) fn fail_call(&mut self, call: CallId) {
        let latency = self.net.latency(None);
        self.env.after(latency, Event::Reply(call));
    }

    pub(crate) fn on_reply(&mut self, call: CallId) {
        let Some(question) = self.clients.calls[call].question.take() else { return };
        let answer = self.clients.calls[call].answer.take();
        trace!(self.env, "client: {question:?} is answered with {answer:?}");
        match question {
            Question::Submit(plan) => self.submitted(plan, answer),
            Question::Cancel(plan, run) => self.cancelled(plan, run, answer),
            Question::Watch { watcher, .. } => self.watch_answered(watcher, call, answer),
            Question::ListRunTests { run, limit, .. } => {
                if let Some(Answer::Tests { next: Some(from), .. }) = answer {
                    self.ask(Question::ListRunTests { run, from, limit });
                }
            }
            Question::GetRun(run) => match answer {
                Some(Answer::Run(summary)) => self.env.note(Observation::RunSeen(summary)),
                Some(Answer::Refused(Refusal::RunUnknown { .. })) => self.look_into_history(run),
                Some(_) | None => {}
            },
            Question::ListTests { plan, limit, .. } => {
                if let Some(Answer::KnownTests { next: Some(from), .. }) = answer {
                    self.ask(Question::ListTests { plan, from, limit });
                }
            }
            Question::GetSpec(_)
            | Question::ListRuns
            | Question::ListAgents
            | Question::Overview
            | Question::DrainAgent(_)
            | Question::TrustAgent(_)
            | Question::QuarantineTest { .. }
            | Question::ReleaseTest { .. } => {}
        }
    }

    fn submitted(&mut self, plan: usize, answer: Option<Answer>) {
        self.clients.asking[plan] -= 1;
        match answer {
            Some(Answer::Submitted { run, is_duplicate }) => {
                self.clients.accepted[plan] = Some(run);
                self.env.note(Observation::Submitted { plan, run, is_duplicate });
            }
            Some(Answer::Refused(Refusal::Unsatisfiable { .. })) => {
                self.clients.refused[plan] = true;
                self.env.note(Observation::SubmitRefused { plan });
            }
            Some(_) | None => {
                if self.clients.accepted[plan].is_none() && self.clients.asking[plan] == 0 {
                    let pause = self.env.between(100_000, 3_000_000);
                    self.env.after(pause, Event::Submit(plan));
                }
            }
        }
    }

    fn cancelled(&mut self, plan: usize, run: RunId, answer: Option<Answer>) {
        match answer {
            Some(Answer::Cancelled { had_ended }) => self.env.note(Observation::Cancelled { run, had_ended }),
            Some(Answer::Refused(_)) => self.look_into_history(run),
            Some(_) | None => {
                let pause = self.env.between(100_000, 3_000_000);
                self.env.after(pause, Event::Cancel(plan));
            }
        }
    }

    /// There is no such open run: a retired one has its summary.
    pub(crate) fn look_into_history(&mut self, run: RunId) {
        use muster_scheduler::{Key, Row};
        match self.disk.rows().get(&Key::History(run)).map(std::convert::AsRef::as_ref) {
            Some(Row::History(row)) => {
                let summary = Box::new(row.summary.clone());
                self.env.note(Observation::RunSeen(summary));
            }
            Some(_) | None => self.env.note(Observation::RunMissing(run)),
        }
    }

    pub(crate) fn on_submit(&mut self, plan: usize) {
        self.ask(Question::Submit(plan));
    }

    pub(crate) fn on_cancel(&mut self, plan: usize) {
        let run = self.run_of(plan);
        self.ask(Question::Cancel(plan, run));
    }

    pub(crate) fn on_deed(&mut self, place: usize) {
        match self.env.plan.deeds[place].deed {
            Deed::Cancel(plan) => self.on_cancel(plan),
            Deed::GetRun(plan) => self.ask(Question::GetRun(self.run_of(plan))),
            Deed::GetSpec(plan) => self.ask(Question::GetSpec(self.run_of(plan))),
            Deed::ListTests { run, limit } => self.ask(Question::ListTests { plan: run, from: (0, 0), limit }),
            Deed::ListRuns => self.ask(Question::ListRuns),
            Deed::ListRunTests { run, limit } => {
                self.ask(Question::ListRunTests { run: self.run_of(run), from: (0, 0), limit });
            }
            Deed::WatchRun(plan) => {
                let run = self.run_of(plan);
                let watcher = self.add_watcher(run);
                self.on_watch(watcher);
            }
            Deed::ListAgents => self.ask(Question::ListAgents),
            Deed::Overview => self.ask(Question::Overview),
            Deed::DrainAgent(agent) => self.ask(Question::DrainAgent(agent)),
            Deed::TrustAgent(agent) => self.ask(Question::TrustAgent(agent)),
            Deed::QuarantineTest { run, test, span } => self.ask(Question::QuarantineTest { plan: run, test, span }),
            Deed::ReleaseTest { run, test } => self.ask(Question::ReleaseTest { plan: run, test }),
            Deed::GetNoRun => self.ask(Question::GetRun(NO_RUN)),
        }
    }

    fn run_of(&self, plan: usize) -> RunId {
        self.clients.accepted.get(plan).copied().flatten().unwrap_or(NO_RUN)
    }
}

/// A number that no run has.
const NO_RUN: RunId = RunId(1 << 60);
