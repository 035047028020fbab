//! What really happened, as far as a verdict may rest on it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use muster_common::id::{AgentName, JobId, TestIndex, Token};
use muster_common::outcome::{Outcome, TryOutcome};

use crate::history::{Process, ProcessEnd, Ran};
use crate::plan::Plan;

/// Ends of processes, and the times of jobs.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What tests really said: by batch, test and agent.
    said: BTreeSet<(Token, TestIndex, AgentName, TryOutcome)>,
    /// How work really ended, by job.
    ended: BTreeMap<JobId, Vec<(Token, Outcome)>>,
    /// For how long each job ran, and for how long it waited in line, at least.
    times: BTreeMap<JobId, Times>,
}

/// Real times of a job.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// When it began to wait for an agent, for the last time.
    pub queued: Option<Duration>,
    /// When its first attempt was granted.
    pub started: Option<Duration>,
    /// When it ended.
    pub ended: Option<Duration>,
}

impl Evidence {
    /// A process has ended.
    pub fn process_ended(&mut self, plan: &Plan, process: &Process, end: ProcessEnd) {
        match (process.work, end) {
            (Ran::Test(test), ProcessEnd::Said(outcome)) => {
                let agent = plan.agents[process.agent].agent.clone();
                self.said.insert((process.token, test, agent, outcome));
            }
            (Ran::Work | Ran::Discovery | Ran::Setup, ProcessEnd::Ended(outcome)) => {
                self.ended.entry(process.job).or_default().push((process.token, outcome));
            }
            (Ran::Test(_), ProcessEnd::Ended(_) | ProcessEnd::Stopped | ProcessEnd::Fenced | ProcessEnd::Died)
            | (
                Ran::Work | Ran::Discovery | Ran::Setup,
                ProcessEnd::Said(_) | ProcessEnd::Stopped | ProcessEnd::Fenced | ProcessEnd::Died,
            ) => {}
        }
    }

    /// The times of a job, to be changed.
    pub fn times_mut(&mut self, job: JobId) -> &mut Times {
        self.times.entry(job).or_default()
    }

    /// Forgets when jobs began that a crash has set back.
    pub fn keep_times(&mut self, is_started: impl Fn(JobId) -> bool) {
        for (job, times) in &mut self.times {
            if !is_started(*job) {
                times.started = None;
            }
        }
    }

    /// Whether a test really said this, in a batch, on an agent.
    pub(super) fn has_said(&self, token: Token, test: TestIndex, agent: &AgentName, outcome: TryOutcome) -> bool {
        self.said.contains(&(token, test, agent.clone(), outcome))
    }

    /// Whether a process of a job's work really ended so.
    pub(super) fn has_ended(&self, job: JobId, outcome: Outcome) -> bool {
        self.ended.get(&job).is_some_and(|ends| ends.iter().any(|(_, ended)| *ended == outcome))
    }

    /// For how long a job ran.
    pub(super) fn ran_for(&self, job: JobId) -> Option<Duration> {
        let times = self.times.get(&job)?;
        Some(times.ended?.saturating_sub(times.started?))
    }

    /// For how long a job waited, before its end.
    pub(super) fn waited_for(&self, job: JobId) -> Option<Duration> {
        let times = self.times.get(&job)?;
        Some(times.ended?.saturating_sub(times.queued?))
    }
}
