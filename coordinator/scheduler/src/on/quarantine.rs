//! Persons say that a test's failures do not count for a while, that they count again, or that an agent is well.

use muster_common::id::AgentName;
use muster_common::time::Wall;

use crate::scheduler::Scheduler;
use crate::{Answer, Ask, Quarantine, Refusal, Standing, TestName};

impl Scheduler {
    pub(crate) fn on_quarantine_test(&mut self, ask: Ask, test: &TestName, owner: String, reason: String, until: Wall) {
        if self
            .memory
            .tests_named(&test.project, &test.name)
            .iter()
            .any(|known| known.standing == Standing::Broken && test.job.as_ref().is_none_or(|job| *job == known.job))
        {
            let (project, name) = (test.project.clone(), test.name.clone());
            return self.refuse(ask, Refusal::TestBroken { project, name });
        }
        let quarantine =
            Quarantine { owner, reason, since: self.now.wall, until, is_automatic: false, from_sighting: 0 };
        let keys = self.memory.quarantine(&test.project, test.job.as_deref(), &test.name, &quarantine);
        if keys.is_empty() {
            let (project, name) = (test.project.clone(), test.name.clone());
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
