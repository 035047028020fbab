//! Runs, jobs, tests and agents as people see them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use muster_common::id::{AgentName, JobId, RunId, TestIndex};
use muster_common::requirement::{Requirement, all_hold};
use muster_common::spec::Work;

use crate::scheduler::Scheduler;
use crate::state::{Agent, Job, Run};
use crate::{
    AgentSummary, Event, JobKind, JobState, JobSummary, Overview, RUNNING_TESTS_SHOWN, Report, RunSummary, TestCounts,
    TestReport,
};

impl Scheduler {
    /// A run without its jobs.
    pub(crate) fn run_summary(&self, run: RunId) -> RunSummary {
        let Run { row, .. } = &self.runs.open[&run];
        let counts = self.jobs_of(run).filter(|(_, job)| job.suite.is_some()).map(|(_, job)| counts_of(job));
        RunSummary {
            run,
            project: row.spec.project.clone(),
            name: row.spec.name.clone(),
            submitted: row.submitted,
            started: row.started,
            is_cancel_requested: row.is_cancel_requested,
            end: row.end.clone(),
            tests: sum(counts),
            jobs: Vec::new(),
        }
    }

    /// A run with its jobs.
    pub(crate) fn full_summary(&self, run: RunId) -> RunSummary {
        let jobs = self.jobs_of(run).map(|(job, _)| self.job_summary(job)).collect();
        RunSummary { jobs, ..self.run_summary(run) }
    }

    pub(crate) fn job_summary(&self, job: JobId) -> JobSummary {
        let found = self.job(job);
        let spec = self.spec(job);
        let state = state_of(found);
        JobSummary {
            job,
            name: spec.name.clone(),
            kind: match spec.work {
                Work::Steps(_) => JobKind::Steps,
                Work::TestBuild(_) => JobKind::TestBuild,
                Work::Tests(_) => JobKind::Tests,
            },
            state,
            started: found.row.started,
            end: found.row.end.clone(),
            tests: counts_of(found),
            waiting_for: match state {
                JobState::Waiting => self.needs_waited_for(job),
                JobState::Queued => self.agents_waited_for(job),
                JobState::Running | JobState::Finished => String::new(),
            },
            may_fail: spec.may_fail,
            artifacts: found.row.artifacts.clone(),
            outputs: found.row.outputs.clone(),
            lost: found.row.lost,
            names_sha256: found.suite.as_deref().and_then(|suite| suite.names_sha256),
            alarms: found.row.alarms.clone(),
            selected: self.selection(job).map(|only| u32::try_from(only.len()).unwrap_or(u32::MAX)),
        }
    }

    fn needs_waited_for(&self, job: JobId) -> String {
        let run = &self.runs.open[&job.run];
        let open: Vec<&str> = run
            .needs(job.job)
            .into_iter()
            .filter(|need| !self.job(JobId { run: job.run, job: *need }).has_ended())
            .map(|need| run.spec(need).name.as_str())
            .collect();
        format!("the end of {}", listed(&open))
    }

    /// Why a queued job does not run.
    pub(crate) fn agents_waited_for(&self, job: JobId) -> String {
        let requirements = &self.spec(job).requirements;
        let asked: Vec<&str> = requirements.iter().map(|requirement| requirement.0.as_str()).collect();
        let found = self.job(job);
        let agents = self.fitting_agents(requirements);
        let takes_work = |name: &AgentName| {
            let agent = self.agents.table.get(name);
            agent.is_some_and(|agent| agent.takes_work() && !found.avoid.contains(name))
        };
        match agents.len() {
            0 if self.agents.sessions.is_empty() => "an agent: none is connected".to_owned(),
            0 => format!("an agent with all of [{}]: none of those connected has them", asked.join(", ")),
            _ if let Some(places) = self.places_waited_for(job) => places,
            // Any agent will do, so the first that takes work is enough.
            count if !agents.iter().any(takes_work) => {
                format!(
                    "another agent: those that could run it ({count}) are silent, draining or fenced off, or have tried in vain"
                )
            }
            1 => "a free slot on the one agent that can run it".to_owned(),
            count => format!("a free slot on one of the {count} agents that can run it"),
        }
    }

    /// Agents with a session that have what is asked for. A class that nobody has stood in line for is not known.
    fn fitting_agents(&self, requirements: &[Requirement]) -> Cow<'_, BTreeSet<AgentName>> {
        if let Some(class) = self.queue.known_class(requirements) {
            return Cow::Borrowed(&class.agents);
        }
        let connected = self.agents.table.values().filter(|agent| agent.session.is_some());
        let fitting = connected.filter(|agent| all_hold(requirements, &agent.labels));
        Cow::Owned(fitting.map(|agent| agent.name.clone()).collect())
    }

    /// A test job's shards, for its watchers.
    pub(crate) fn shards_event(&self, job: JobId) -> Option<Event> {
        let suite = self.jobs.get(&job)?.suite.as_deref()?;
        let running_tests =
            suite.running.iter().take(RUNNING_TESTS_SHOWN).map(|test| suite.name(*test).to_owned()).collect();
        let shards = u32::try_from(suite.shards.len()).unwrap_or(u32::MAX);
        Some(Event::ShardsChanged { job, shards, running_tests })
    }

    /// Everything that is known of a run.
    pub(crate) fn report(&self, run: RunId) -> Report {
        let tests = self
            .jobs_of(run)
            .filter_map(|(job, found)| found.sealed_suite().map(|suite| (job, suite)))
            .flat_map(|(job, suite)| (0..suite.tests.len()).map(move |index| test_report(job, suite, index)))
            .collect();
        Report { run: self.runs.open[&run].row.clone(), summary: self.full_summary(run), tests }
    }

    pub(crate) fn overview(&self) -> Overview {
        let connected = self.agents.sessions.values().filter_map(|name| self.agents.table.get(name));
        let (mut slots, mut busy_slots) = (0u32, 0u32);
        for agent in connected {
            slots = slots.saturating_add(agent.slots);
            busy_slots = busy_slots.saturating_add(agent.busy());
        }
        // The queue may be long; what stands in it and runs already is as little as there are leases.
        let live = self.leases.values().filter(|lease| lease.is_live()).map(|lease| lease.row.job);
        let runs_in_line = |job: &JobId| self.queue.places.contains_key(job) && self.job(*job).is_under_way();
        let running: BTreeSet<JobId> = live.filter(runs_in_line).collect();
        let queued = self.queue.places.len() - running.len();
        Overview {
            agents: u32::try_from(self.agents.sessions.len()).unwrap_or(u32::MAX),
            slots,
            busy_slots,
            open_runs: u32::try_from(self.runs.unended).unwrap_or(u32::MAX),
            queued_jobs: u32::try_from(queued).unwrap_or(u32::MAX),
        }
    }
}

/// Where a job stands.
pub(crate) fn state_of(job: &Job) -> JobState {
    if job.has_ended() {
        JobState::Finished
    } else if job.row.queued.is_none() {
        JobState::Waiting
    } else if !job.is_under_way() {
        JobState::Queued
    } else {
        JobState::Running
    }
}

/// One test for people.
pub(crate) fn test_report(job: JobId, suite: &crate::state::Suite, index: usize) -> TestReport {
    let test = &suite.tests[index];
    TestReport {
        job,
        test: TestIndex(u32::try_from(index).unwrap_or(u32::MAX)),
        name: suite.names[index].clone(),
        verdict: test.verdict,
        is_quarantined: test.known.is_quarantined,
        tries: test.tries.clone(),
        waits_for: String::new(),
    }
}

/// One agent for people.
pub(crate) fn agent_summary(agent: &Agent) -> AgentSummary {
    AgentSummary {
        agent: agent.name.clone(),
        labels: agent.labels.clone(),
        slots: agent.slots,
        busy: agent.busy(),
        state: agent.state(),
        version: agent.version.clone(),
        connected: agent.connected,
        fence: agent.fence.clone(),
    }
}

/// Sums over a job's tests.
pub(crate) fn counts_of(job: &Job) -> TestCounts {
    job.suite.as_deref().map(|suite| suite.counts(job.row.sealed.is_some())).unwrap_or_default()
}

fn sum(parts: impl Iterator<Item = TestCounts>) -> TestCounts {
    let mut whole = TestCounts { is_sealed: true, ..TestCounts::default() };
    for part in parts {
        whole.discovered += part.discovered;
        whole.passed += part.passed;
        whole.failed += part.failed;
        whole.flaky += part.flaky;
        whole.skipped += part.skipped;
        whole.errored += part.errored;
        whole.quarantined += part.quarantined;
        whole.running += part.running;
        whole.is_sealed &= part.is_sealed;
    }
    whole
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "its needs".to_owned(),
        [one] => format!("job `{one}`"),
        [first, rest @ ..] if rest.len() < 3 => {
            let rest: Vec<String> = rest.iter().map(|name| format!("`{name}`")).collect();
            format!("jobs `{first}`, {}", rest.join(", "))
        }
        [first, second, rest @ ..] => format!("jobs `{first}`, `{second}` and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_named_as_long_as_they_are_few() {
        assert_eq!(listed(&[]), "its needs");
        assert_eq!(listed(&["a"]), "job `a`");
        assert_eq!(listed(&["a", "b", "c"]), "jobs `a`, `b`, `c`");
        assert_eq!(listed(&["a", "b", "c", "d"]), "jobs `a`, `b` and 2 more");
    }

    #[test]
    fn a_sum_is_sealed_when_all_its_parts_are() {
        let part = |is_sealed| TestCounts { discovered: 2, passed: 1, running: 1, is_sealed, ..TestCounts::default() };
        let whole = TestCounts { discovered: 4, passed: 2, running: 2, is_sealed: false, ..TestCounts::default() };
        assert_eq!(sum([part(true), part(false)].into_iter()), whole);
        assert!(sum([part(true), part(true)].into_iter()).is_sealed && sum([].into_iter()).is_sealed);
    }
}
