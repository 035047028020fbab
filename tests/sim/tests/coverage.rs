//! What the simulation never does, it never tests: over a number of seeds every kind of input enters the scheduler, every
//! kind of effect, message, answer and event leaves it, and every promise is looked at.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use muster_common::control::{FromAgent, ToAgent};
use muster_scheduler::{Answer, Effect, Event, Input};
use muster_sim::runner::{self, Settings};
use muster_sim::view::{Check, Moment, View};
use muster_sim::workload;

#[test]
fn every_kind_of_input_and_effect_occurs() {
    let seen = Rc::new(RefCell::new(BTreeSet::new()));
    let mut seed = 0;
    let missing = loop {
        let check: Box<dyn Check> = Box::new(Coverage { seen: Rc::clone(&seen) });
        let ran = runner::run(workload::plan(seed), vec![check], &Settings::default());
        assert!(ran.violation.is_none(), "seed {seed}: {:?}", ran.violation);
        seed += 1;
        let seen = seen.borrow();
        let missing: Vec<&&str> = ALL.iter().filter(|kind| !seen.contains(**kind)).collect();
        if missing.is_empty() || seed == SEEDS_MAX {
            break format!("{missing:?}");
        }
    };
    assert_eq!(missing, "[]", "never happened in {seed} seeds");
}

#[derive(Debug)]
struct Coverage {
    seen: Rc<RefCell<BTreeSet<&'static str>>>,
}

impl Check for Coverage {
    fn name(&self) -> &'static str {
        "coverage"
    }

    fn look(&mut self, _: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let mut seen = self.seen.borrow_mut();
        if let Moment::Stepping { input, .. } = moment {
            seen.insert(input_kind(input));
        }
        if let Moment::Released { effect, .. } = moment {
            seen.insert(effect_kind(effect));
        }
        Ok(())
    }
}

fn input_kind(input: &Input) -> &'static str {
    match input {
        Input::SubmitRun { .. } => "submit",
        Input::CancelRun { .. } => "cancel",
        Input::GetRun { .. } => "get run",
        Input::GetSpec { .. } => "get spec",
        Input::ListRuns { .. } => "list runs",
        Input::ListRunTests { .. } => "list run tests",
        Input::ListTests { .. } => "list tests",
        Input::WatchRun { .. } => "watch",
        Input::ListAgents { .. } => "list agents",
        Input::DrainAgent { .. } => "drain",
        Input::TrustAgent { .. } => "trust",
        Input::QuarantineTest { .. } => "quarantine",
        Input::ReleaseTest { .. } => "release",
        Input::Overview { .. } => "overview",
        Input::OpenSession { .. } => "open session",
        Input::CloseSession { .. } => "session closed",
        Input::Agent { message, .. } => message_kind(message),
        Input::ReportStored { .. } => "report stored",
        Input::Deadline => "deadline",
        Input::Stalled { .. } => "stalled",
    }
}

fn message_kind(message: &FromAgent) -> &'static str {
    match message {
        FromAgent::Open(_) => "open",
        FromAgent::Heartbeat(_) => "heartbeat",
        FromAgent::Accepted(_) => "accepted",
        FromAgent::Refused { .. } => "refused by an agent",
        FromAgent::Started(_) => "started",
        FromAgent::Discovered(_) => "discovered",
        FromAgent::TestStarted(_) => "test started",
        FromAgent::TestResults(_) => "test results",
        FromAgent::WantBatch(_) => "want batch",
        FromAgent::Withdrawn(_) => "withdrawn",
        FromAgent::Finished(_) => "finished",
        FromAgent::Draining => "draining",
    }
}

fn effect_kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::CloseSession { .. } => "close session",
        Effect::Retire { .. } => "retire",
        Effect::Send { message, .. } => match message {
            ToAgent::Opened(_) => "opened",
            ToAgent::Lease(_) => "lease",
            ToAgent::Batch(_) => "batch",
            ToAgent::Withdraw(_) => "withdraw",
            ToAgent::Cancel { .. } => "cancel an attempt",
            ToAgent::Drain => "drain an agent",
            ToAgent::HeartbeatAnswer { .. } => "heartbeat answer",
            ToAgent::Ack { .. } => "acknowledgement",
        },
        Effect::Answer { answer, .. } => match answer {
            Answer::Submitted { is_duplicate: false, .. } => "submitted",
            Answer::Submitted { is_duplicate: true, .. } => "submitted before",
            Answer::Cancelled { .. } => "cancelled",
            Answer::Run(_) => "run",
            Answer::Spec(_) => "spec",
            Answer::Runs(_) => "runs",
            Answer::Tests { .. } => "tests",
            Answer::KnownTests { .. } => "known tests",
            Answer::Watching(_) => "watching",
            Answer::Agents(_) => "agents",
            Answer::Overview(_) => "overview told",
            Answer::Done => "done",
            Answer::Refused(_) => "refused",
        },
        Effect::Publish { event, .. } => match event {
            Event::RunChanged(_) => "run changed",
            Event::JobChanged(_) => "job changed",
            Event::TestFinished { .. } => "test finished",
            Event::ShardsChanged { .. } => "shards changed",
            Event::RunFinished(_) => "run finished",
        },
    }
}

/// Every kind but `open`, which is no message of an open session.
const ALL: &[&str] = &[
    "submit",
    "cancel",
    "get run",
    "get spec",
    "list runs",
    "list run tests",
    "list tests",
    "watch",
    "list agents",
    "drain",
    "overview",
    "open session",
    "session closed",
    "report stored",
    "deadline",
    "stalled",
    "heartbeat",
    "accepted",
    "refused by an agent",
    "started",
    "discovered",
    "test started",
    "test results",
    "want batch",
    "withdrawn",
    "finished",
    "draining",
    "close session",
    "retire",
    "opened",
    "lease",
    "batch",
    "withdraw",
    "cancel an attempt",
    "drain an agent",
    "heartbeat answer",
    "acknowledgement",
    "submitted",
    "submitted before",
    "cancelled",
    "run",
    "spec",
    "runs",
    "tests",
    "known tests",
    "watching",
    "agents",
    "overview told",
    "done",
    "refused",
    "run changed",
    "job changed",
    "test finished",
    "shards changed",
    "run finished",
];

const SEEDS_MAX: u64 = 1_000;
