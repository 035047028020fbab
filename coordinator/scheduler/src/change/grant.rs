//! A slot is given to the job whose turn it is.

use std::time::Duration;

use muster_common::control::{Lease as LeaseMessage, LeaseInput, LeaseWork, ToAgent};
use muster_common::id::{AgentName, JobId, ShardIndex, Token};
use muster_common::spec::{JobSpec, Work};

use crate::deadlines::Deadline;
use crate::policy::fairness::{JobRank, Past};
use crate::scheduler::Scheduler;
use crate::state::{Lease, Place};
use crate::{GroupSet, Key, LeasePart, LeaseRow};

impl Scheduler {
    /// Puts a job in line for a slot, or moves it to where it belongs now.
    pub(crate) fn enqueue(&mut self, job: JobId, past: Past) {
        let run = &self.runs.open[&job.run];
        let class = self.queue.class(&run.spec(job.job).requirements, &mut self.agents);
        let found = &self.jobs[&job];
        let held = u32::try_from(found.live.len() - found.early_shards()).unwrap_or(u32::MAX);
        let rank = JobRank::new(past, held, job.run, job.job);
        let project = run.project.clone();
        let wanted = self.slots_wanted(job);
        self.queue.enter(job, Place { class, project, rank, wanted, is_aside: false });
    }

    /// Slots that a job in line could use now: one, or a shard for each test that nobody is about to take.
    fn slots_wanted(&self, job: JobId) -> usize {
        let Some(suite) = self.job(job).sealed_suite() else { return 1 };
        let shards = self.dealable(job).saturating_sub(suite.coming.len());
        shards.min(self.shards_max(job).saturating_sub(suite.shards.len())).max(1)
    }

    /// Gives one free slot to the job whose turn it is. Returns whether there was such a job.
    pub(crate) fn place_next(&mut self) -> bool {
        let Some(job) = self.queue.first() else { return false };
        match self.choose_agent(job) {
            Some(agent) => self.grant(job, &agent, self.next_part(job)),
            None => self.queue.stand_aside(job),
        }
        true
    }

    /// The best free agent that is right for a job.
    fn choose_agent(&self, job: JobId) -> Option<AgentName> {
        let place = self.queue.places.get(&job)?;
        let class = self.queue.classes.get(&place.class)?;
        let found = self.job(job);
        class
            .free
            .iter()
            .map(|(_, agent)| agent)
            .find(|agent| !found.avoid.contains(*agent) && self.has_work_for(job, agent))
            .cloned()
    }

    /// Leases a part of a job.
    pub(super) fn grant(&mut self, job: JobId, agent: &AgentName, part: LeasePart) {
        let token = self.next_token();
        let found = self.job_mut(job);
        let attempt = match part {
            LeasePart::Work | LeasePart::Discovery => {
                found.row.attempts += 1;
                found.row.attempts
            }
            LeasePart::Shard(_) => {
                found.row.shards += 1;
                1
            }
        };
        let life = self.agents.table[agent].life;
        let row = LeaseRow {
            token,
            job,
            part,
            attempt,
            agent: agent.clone(),
            life,
            is_started: false,
            is_over: false,
            places: GroupSet::NONE,
        };
        self.take_slot(row);
        self.mark_started(job);
        let message = self.lease_message(token);
        self.send_to(agent, ToAgent::Lease(Box::new(message)));
        match part {
            LeasePart::Work => self.queue.leave(job),
            LeasePart::Discovery => {
                self.queue.leave(job);
                self.queue.early.insert(job);
            }
            LeasePart::Shard(_) => {
                self.pending.shards_changed.insert(job);
                if self.job(job).row.sealed.is_some() {
                    self.pending.offers.insert(job);
                }
            }
        }
    }

    fn next_part(&self, job: JobId) -> LeasePart {
        let found = self.job(job);
        if found.suite.is_none() {
            LeasePart::Work
        } else if found.row.sealed.is_none() {
            LeasePart::Discovery
        } else {
            LeasePart::Shard(ShardIndex(found.row.shards))
        }
    }

    fn take_slot(&mut self, row: LeaseRow) {
        let (token, job) = (row.token, row.job);
        let project = self.runs.open[&job.run].project.clone();
        self.queue.charge(&project);
        let agent = self.agents.table.get_mut(&row.agent).expect("a slot is taken of an agent in the table");
        agent.held.insert(token, project);
        self.queue.refresh_agent(agent);
        let found = self.jobs.get_mut(&job).expect("a slot is taken for a job in the table");
        found.leases.insert(token);
        found.live.insert(token);
        if let (LeasePart::Shard(_), Some(suite)) = (row.part, found.suite.as_deref_mut()) {
            suite.add_shard(token, row.agent.clone(), self.now.monotonic);
            if found.row.sealed.is_none() {
                self.queue.early_held.insert(token, row.agent.clone());
            }
        }
        self.leases.insert(token, Lease::new(row));
        self.refresh_idle(job, token);
        self.touch(Key::Lease(token));
    }

    fn mark_started(&mut self, job: JobId) {
        let wall = self.now.wall;
        self.deadlines.clear(&Deadline::Queue(job));
        self.touch_job(job);
        let found = self.job_mut(job);
        if found.row.started.is_none() {
            found.row.started = Some(wall);
            self.arm_timeout(job);
        }
        let run = self.runs.open.get_mut(&job.run).expect("a job's run is open");
        if run.row.started.is_none() {
            run.row.started = Some(wall);
            self.touch_run(job.run);
        }
    }

    /// A job's time limit runs from now on.
    pub(crate) fn arm_timeout(&mut self, job: JobId) {
        let timeout = Duration::from_millis(self.spec(job).timeout_ms);
        self.deadlines.set(Deadline::Timeout(job), self.now.monotonic + timeout);
    }

    /// What an agent is told of a lease.
    pub(crate) fn lease_message(&self, token: Token) -> LeaseMessage {
        let row = &self.leases[&token].row;
        let run = &self.runs.open[&row.job.run];
        let spec = run.spec(row.job.job);
        let mut env = run.row.spec.env.clone();
        env.extend(spec.env.clone());
        LeaseMessage {
            token,
            job: row.job,
            project: run.row.spec.project.clone(),
            job_name: spec.name.clone(),
            attempt: row.attempt,
            shard: match row.part {
                LeasePart::Work | LeasePart::Discovery => None,
                LeasePart::Shard(shard) => Some(shard),
            },
            work: work_of(spec, row.part),
            env,
            workspace: run.row.spec.workspace,
            inputs: self.lease_inputs(row.job, spec),
            artifacts: spec.artifacts.clone(),
            outputs: spec.outputs.clone(),
            needs: self.need_results(row.job),
            timeout_ms: self.time_left_ms(row.job),
            is_repeatable: spec.is_repeatable && !is_exclusive(spec, row.part),
        }
    }

    fn lease_inputs(&self, job: JobId, spec: &JobSpec) -> Vec<LeaseInput> {
        let run = &self.runs.open[&job.run];
        let inputs = spec.inputs.iter().filter_map(|input| {
            let maker = run.places.get(&input.job)?;
            let root = *self.jobs.get(&JobId { run: job.run, job: *maker })?.row.artifacts.get(&input.artifact)?;
            Some(LeaseInput { artifact: input.artifact.clone(), root, path: input.path.clone() })
        });
        inputs.collect()
    }

    fn time_left_ms(&self, job: JobId) -> u64 {
        let timeout = self.deadlines.moment(&Deadline::Timeout(job));
        timeout.map_or(self.spec(job).timeout_ms, |at| {
            u64::try_from(at.since(self.now.monotonic).as_millis()).unwrap_or(u64::MAX)
        })
    }

    /// Where a job goes that waits again: to the head if it was lost.
    pub(crate) fn requeue(&mut self, job: JobId) {
        let past = if self.job(job).row.lost > 0 { Past::Lost } else { Past::New };
        self.arm_queue_timeout(job);
        self.enqueue(job, past);
        self.touch_job(job);
    }
}

/// Whether it is a shard that may run tests of groups: it must not outlive what its agent can renew.
fn is_exclusive(spec: &JobSpec, part: LeasePart) -> bool {
    match (&spec.work, part) {
        (Work::Tests(tests), LeasePart::Shard(_)) => !tests.groups.is_empty(),
        (Work::Tests(_), LeasePart::Work | LeasePart::Discovery) | (Work::Steps(_) | Work::TestBuild(_), _) => false,
    }
}

fn work_of(spec: &JobSpec, part: LeasePart) -> LeaseWork {
    match (&spec.work, part) {
        (Work::Steps(steps), _) => LeaseWork::Steps(steps.clone()),
        (Work::TestBuild(tests), _) => LeaseWork::TestBuild(tests.clone()),
        (Work::Tests(tests), LeasePart::Shard(_)) => LeaseWork::Shard(tests.clone()),
        (Work::Tests(tests), LeasePart::Work | LeasePart::Discovery) => LeaseWork::Discover(tests.clone()),
    }
}
