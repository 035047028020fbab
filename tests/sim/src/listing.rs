//! When tests begin that have to be listed first, on agents that have to be set up: the real scheduler, idealised agents.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use muster_common::control::{FromAgent, LeaseWork, ToAgent, WantBatch};
use muster_common::id::{AgentName, Epoch, SessionId};
use muster_common::outcome::AttemptOutcome;
use muster_scheduler::{Ask, Config, Effect, Input, Scheduler};

use crate::idealised::{SUITE, discovery, finished, now, open, run_of_tests};

/// A suite, and agents of one slot each.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// Agents.
    pub agents: usize,
    /// Tests.
    pub tests: usize,
    /// What every agent takes to be set up, whether it lists or runs tests.
    pub setup_us: u64,
    /// What the listing takes then.
    pub list_us: u64,
    /// Whether shards begin while the tests are listed.
    pub early_shards: bool,
}

/// From the submission to the first tests, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Until the first agent has tests.
    pub first_us: u64,
    /// Until as many agents have tests as there are agents.
    pub all_us: u64,
}

impl Listing {
    /// Submits the suite and lets time pass until every agent has been dealt tests.
    ///
    /// # Panics
    /// If that never comes.
    #[must_use]
    pub fn run(&self) -> Begun {
        let config = Config { heartbeat: NEVER, lease: NEVER, early_shards: self.early_shards, ..Config::default() };
        let mut scheduler = Scheduler::new(config, Epoch(1));
        let mut said: BinaryHeap<Reverse<(u64, u64, u64)>> = BinaryHeap::new();
        let mut messages = Vec::new();
        let mut dealt: Vec<u64> = Vec::new();
        for agent in 0..self.agents {
            let open = open(AgentName(format!("agent-{agent:04}")));
            let _ =
                scheduler.step(now(0), Input::OpenSession { session: SessionId(agent as u64), open: Box::new(open) });
        }
        let spec = Box::new(run_of_tests("project", SUITE, 3_600_000));
        let mut step = scheduler.step(now(0), Input::SubmitRun { ask: Ask(1), spec, request_id: String::new() });
        let mut at_us = 0;
        loop {
            for effect in step.effects {
                let Effect::Send { session, message } = effect else { continue };
                if matches!(&message, ToAgent::Batch(batch) if !batch.tests.is_empty()) {
                    dealt.push(at_us);
                }
                for (after_us, message) in self.answers(message) {
                    said.push(Reverse((at_us + after_us, messages.len() as u64, session.0)));
                    messages.push(message);
                }
            }
            if let (Some(first_us), Some(all_us)) = (dealt.first(), dealt.get(self.agents - 1)) {
                return Begun { first_us: *first_us, all_us: *all_us };
            }
            let Reverse((next_us, place, session)) = said.pop().expect("every agent is dealt tests");
            at_us = next_us;
            let message = Box::new(messages[place as usize].clone());
            step = scheduler.step(now(at_us), Input::Agent { session: SessionId(session), sequence: 0, message });
        }
    }

    /// What an agent says to a lease, and when.
    fn answers(&self, message: ToAgent) -> Vec<(u64, FromAgent)> {
        let ToAgent::Lease(lease) = message else { return Vec::new() };
        let token = lease.token;
        match lease.work {
            LeaseWork::Shard(_) => {
                vec![(self.setup_us, FromAgent::WantBatch(WantBatch { shard: token, start_cost_us: 0 }))]
            }
            LeaseWork::Discover(_) => {
                let names: Vec<String> = (0..self.tests).map(|test| format!("test_{test}")).collect();
                let (parts, seal) = discovery(token, &names.iter().map(String::as_str).collect::<Vec<_>>());
                let end = finished(token, AttemptOutcome::Passed, Some(seal));
                let parts = parts.into_iter().map(FromAgent::Discovered);
                let all = parts.chain([FromAgent::Finished(end)]);
                all.map(|said| (self.setup_us + self.list_us, said)).collect()
            }
            LeaseWork::Steps(_) | LeaseWork::TestBuild(_) => Vec::new(),
        }
    }
}

/// No agent is doubted here.
const NEVER: Duration = Duration::from_secs(86_400);
