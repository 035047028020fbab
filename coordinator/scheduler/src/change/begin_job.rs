//! A job whose needs have all ended: it is left out, or waits for an agent.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::control::NeedResult;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{JobId, JobIndex};
use muster_common::outcome::Outcome;
use muster_common::pipeline::expression::{self, Context, MusterContext, Status};
use muster_common::spec::JobSpec;

use crate::deadlines::Deadline;
use crate::policy::fairness::Past;
use crate::scheduler::Scheduler;
use crate::state::{Job, Run};

impl Scheduler {
    /// Decides whether a job runs at all, and puts it in line if so.
    pub(crate) fn begin_job(&mut self, job: JobId) {
        if self.jobs.get(&job).is_none_or(Job::has_ended) {
            return;
        }
        if let Err((outcome, reason)) = self.may_begin(job) {
            return self.end_job(job, outcome, Some(reason));
        }
        let wall = self.now.wall;
        self.job_mut(job).row.queued = Some(wall);
        self.touch_job(job);
        self.arm_queue_timeout(job);
        self.enqueue(job, Past::New);
    }

    /// A job waits for an agent from now on.
    pub(crate) fn arm_queue_timeout(&mut self, job: JobId) {
        let queue_timeout = Duration::from_millis(self.spec(job).queue_timeout_ms);
        self.deadlines.set(Deadline::Queue(job), self.now.monotonic + queue_timeout);
    }

    fn may_begin(&self, job: JobId) -> Result<(), (Outcome, Reason)> {
        let run = &self.runs.open[&job.run];
        let spec = run.spec(job.job);
        if run.row.is_cancel_requested {
            return Err((Outcome::Cancelled, Reason::new(ReasonCode::Cancelled, "the run was cancelled")));
        }
        match &spec.condition {
            None => self.all_needs_passed(job, run)?,
            Some(condition) => self.condition_holds(job, run, spec, condition)?,
        }
        self.inputs_are_there(job, run, spec)
    }

    fn all_needs_passed(&self, job: JobId, run: &Run) -> Result<(), (Outcome, Reason)> {
        for need in run.needs(job.job) {
            let outcome = self.outcome_as_need(job, run, need);
            if outcome != Outcome::Passed {
                let message = format!("job `{}`, which it needs, ended {}", run.spec(need).name, outcome.word());
                return Err((Outcome::Skipped, Reason::new(ReasonCode::NeedsFailed, message)));
            }
        }
        Ok(())
    }

    fn condition_holds(&self, job: JobId, run: &Run, spec: &JobSpec, condition: &str) -> Result<(), (Outcome, Reason)> {
        let mut env = run.row.spec.env.clone();
        env.extend(spec.env.clone());
        let context = Context {
            status: Status::of_needs(run.needs(job.job).into_iter().map(|need| self.outcome_as_need(job, run, need))),
            env,
            needs: self.need_results(job).iter().map(|(group, result)| (group.clone(), result.into())).collect(),
            steps: BTreeMap::new(),
            muster: MusterContext { run: Some(job.run.0), job: Some(spec.name.clone()), ..MusterContext::default() },
        };
        match expression::evaluate_condition(condition, &context) {
            Ok(true) => Ok(()),
            Ok(false) if context.status.is_success => {
                let message = format!("its condition `{condition}` does not hold");
                Err((Outcome::Skipped, Reason::new(ReasonCode::ConditionFalse, message)))
            }
            Ok(false) => {
                let message = format!("not all of its needs passed, and its condition is `{condition}`");
                Err((Outcome::Skipped, Reason::new(ReasonCode::NeedsFailed, message)))
            }
            Err(error) => {
                let message = format!("its condition `{condition}` cannot be computed: {error}");
                Err((Outcome::Errored, Reason::new(ReasonCode::ExpressionFailed, message)))
            }
        }
    }

    fn inputs_are_there(&self, job: JobId, run: &Run, spec: &JobSpec) -> Result<(), (Outcome, Reason)> {
        for input in &spec.inputs {
            let maker =
                run.places.get(&input.job).and_then(|place| self.jobs.get(&JobId { run: job.run, job: *place }));
            if !maker.is_some_and(|maker| maker.row.artifacts.contains_key(&input.artifact)) {
                let message = format!("job `{}` has not handed over its artifact `{}`", input.job, input.artifact);
                return Err((Outcome::Errored, Reason::new(ReasonCode::ArtifactMissing, message)));
            }
        }
        Ok(())
    }

    /// How a job that has ended counts for those that need it: passed if it may fail.
    fn outcome_as_need(&self, job: JobId, run: &Run, need: JobIndex) -> Outcome {
        let end = self.jobs.get(&JobId { run: job.run, job: need }).and_then(|found| found.row.end.as_ref());
        match end.map_or(Outcome::Errored, |end| end.outcome) {
            Outcome::Failed | Outcome::TimedOut | Outcome::Errored if run.spec(need).may_fail => Outcome::Passed,
            outcome => outcome,
        }
    }

    /// Results of the jobs that a job needs, by their group.
    pub(crate) fn need_results(&self, job: JobId) -> BTreeMap<String, NeedResult> {
        let run = &self.runs.open[&job.run];
        let mut results = BTreeMap::new();
        for need in run.needs(job.job) {
            let outcome = self.outcome_as_need(job, run, need);
            let result = results
                .entry(run.spec(need).group.clone())
                .or_insert_with(|| NeedResult { outcome, outputs: BTreeMap::new() });
            result.outcome = result.outcome.max(outcome);
            if let Some(found) = self.jobs.get(&JobId { run: job.run, job: need }) {
                result.outputs.extend(found.row.outputs.clone());
            }
        }
        results
    }
}
