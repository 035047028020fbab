//! Persons say that a test's failures do not count for a while, that they count again, or that an agent is well.

use muster_common::id::AgentName;
use muster_common::time::Wall;

use crate::scheduler::Scheduler;
use crate::{Answer, Ask, Quarantine, Refusal, Standing, TestName};

impl Scheduler {
    pub(crate) fn on_quarantine_test(&mut self, ask: Ask, test: &TestName, owner: String, reason: String, until: Wall) {
        let (project, name) = (test.project.clone(), test.name.clone());
        if until <= self.now.wall {
            let ago_s = (self.now.wall.unix_ms - until.unix_ms) / 1_000;
            return self.refuse(ask, Refusal::QuarantineOver { project, name, ago_s });
        }
        if self
            .memory
            .tests_named(&project, &name)
            .iter()
            .any(|known| known.standing == Standing::Broken && test.job.as_ref().is_none_or(|job| *job == known.job))
        {
            return self.refuse(ask, Refusal::TestBroken { project, name });
        }
        let quarantine =
            Quarantine { owner, reason, since: self.now.wall, until, is_automatic: false, from_sighting: 0 };
        let keys = self.memory.quarantine(&project, test.job.as_deref(), &name, &quarantine);
        if keys.is_empty() {
            return self.refuse(ask, Refusal::TestUnknown { project, name });
        }
        self.pending.rows.extend(keys);
        self.answer(ask, Answer::Done);
    }

    pub(crate) fn on_release_test(&mut self, ask: Ask, test: &TestName) {
        let keys = self.memory.release(&test.project, test.job.as_deref(), &test.name);
        if keys.is_empty() {
            let (project, name) = (test.project.clone(), test.name.clone());
            return self.refuse(ask, Refusal::TestNotQuarantined { project, name });
        }
        self.pending.rows.extend(keys);
        self.answer(ask, Answer::Done);
    }

    pub(crate) fn on_trust_agent(&mut self, ask: Ask, agent: &AgentName) {
        if !self.lift_fence(agent) {
            return self.refuse(ask, Refusal::AgentNotFenced { agent: agent.clone() });
        }
        self.answer(ask, Answer::Done);
    }
}
