//! An attempt has ended, as its agent says.

use std::collections::BTreeMap;

use muster_common::control::Finished;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentName, JobId, Token};
use muster_common::limits::OUTPUTS_BYTES_MAX;
use muster_common::outcome::{AttemptOutcome, Outcome};

use crate::policy::retry;
use crate::scheduler::Scheduler;
use crate::{LeasePart, LeaseRow};

impl Scheduler {
    pub(crate) fn on_finished(&mut self, agent: &AgentName, finished: Finished) {
        let token = finished.token;
        self.free_slot_of_ended(agent, token);
        let Some(lease) = self.leases.get(&token).filter(|lease| lease.row.agent == *agent) else { return };
        let (job, part) = (lease.row.job, lease.row.part);
        if !lease.is_live() {
            return self.finish_late(job, part, finished);
        }
        match part {
            LeasePart::Work => {
                if let Some(row) = self.remove_lease(token) {
                    self.finish_work(&row, finished);
                }
            }
            LeasePart::Discovery => {
                if let Some(row) = self.remove_lease(token) {
                    self.finish_discovery(&row, finished);
                }
            }
            LeasePart::Shard(_) => self.finish_shard(agent, job, finished),
        }
    }

    /// The lease had expired. That its work passed is still good news if nobody else has said anything: it is
    /// repeatable, so this is the result that it has. Anything else is left to the attempt that was begun instead.
    fn finish_late(&mut self, job: JobId, part: LeasePart, finished: Finished) {
        self.forget_lease(finished.token);
        let is_welcome = part == LeasePart::Work && self.job(job).stop.is_none();
        if is_welcome && finished.outcome == AttemptOutcome::Passed {
            self.pass_work(job, finished);
        }
    }

    fn finish_work(&mut self, row: &LeaseRow, finished: Finished) {
        if let Some(stop) = &self.job(row.job).stop {
            let has_passed = finished.outcome == AttemptOutcome::Passed && stop.outcome == Outcome::Cancelled;
            if !has_passed {
                self.end_if_stopped(row.job);
                return;
            }
        }
        match finished.outcome {
            AttemptOutcome::Passed => self.pass_work(row.job, finished),
            AttemptOutcome::Failed { .. }
            | AttemptOutcome::Errored { .. }
            | AttemptOutcome::TimedOut
            | AttemptOutcome::Cancelled => self.end_unpassed(row, finished.outcome),
        }
    }

    fn pass_work(&mut self, job: JobId, finished: Finished) {
        if let Err(reason) = self.check_handed_over(job, &finished) {
            return self.end_job(job, Outcome::Errored, Some(reason));
        }
        let found = self.job_mut(job);
        found.row.artifacts = finished.artifacts.into_iter().map(|made| (made.name, made.root)).collect();
        found.row.outputs = finished.outputs;
        self.end_job(job, Outcome::Passed, None);
    }

    fn check_handed_over(&self, job: JobId, finished: &Finished) -> Result<(), Reason> {
        let artifacts = &self.spec(job).artifacts;
        let missing = artifacts.iter().find(|asked| finished.artifacts.iter().all(|made| made.name != asked.name));
        if let Some(missing) = missing {
            let message = format!("its agent has not handed over artifact `{}`", missing.name);
            return Err(Reason::new(ReasonCode::ArtifactMissing, message));
        }
        check_outputs(&finished.outputs)
    }

    /// An attempt of a job or its discovery did not pass: the job ends, or is tried elsewhere.
    pub(crate) fn end_unpassed(&mut self, row: &LeaseRow, outcome: AttemptOutcome) {
        match outcome {
            AttemptOutcome::Failed { reason } => self.end_job(row.job, Outcome::Failed, Some(reason)),
            AttemptOutcome::Errored { reason } => self.retry_elsewhere(row, reason),
            AttemptOutcome::TimedOut => {
                let reason = Reason::new(ReasonCode::Timeout, "it ran longer than its time limit");
                self.end_job(row.job, Outcome::TimedOut, Some(reason));
            }
            // Nobody had asked for it, so it counts like the loss of its agent.
            AttemptOutcome::Cancelled | AttemptOutcome::Passed => {
                self.job_mut(row.job).row.lost += 1;
                self.lose_work(row);
            }
        }
    }

    fn retry_elsewhere(&mut self, row: &LeaseRow, reason: Reason) {
        let is_repeatable = self.spec(row.job).is_repeatable;
        let found = self.job_mut(row.job);
        found.avoid.insert(row.agent.clone());
        let failed = u32::try_from(found.avoid.len()).unwrap_or(u32::MAX);
        let tries_again = is_repeatable && retry::attempt_tries_again(reason.code, failed);
        if tries_again && self.has_other_agent(row.job) {
            self.requeue(row.job);
        } else {
            self.end_job(row.job, Outcome::Errored, Some(reason));
        }
    }

    fn finish_shard(&mut self, agent: &AgentName, job: JobId, finished: Finished) {
        let shard = self.suite(job).shards.get(&finished.token).cloned();
        self.settle_batches(job, &finished);
        self.remove_lease(finished.token);
        if self.end_if_stopped(job) || is_fenced(&finished.outcome) {
            return;
        }
        if finished.outcome == AttemptOutcome::TimedOut {
            // The time of a shard is that of its job. An earlier life may have told it so, and that is not stored.
            return self.timeout(job);
        }
        let Some(shard) = shard.filter(|shard| !shard.is_cancelled) else { return };
        // Nor is what an earlier life heard of a shard: this one may have brought results, or been told to end.
        let is_of_earlier_life = finished.token.epoch < self.epoch;
        let is_dismissed = shard.is_dismissed && finished.outcome == AttemptOutcome::Passed;
        if shard.has_result || is_dismissed {
            self.job_mut(job).avoid.remove(agent);
        } else if is_of_earlier_life {
            self.pending.offers.insert(job);
        } else if self.job(job).row.sealed.is_none() {
            self.suite_mut(job).early_failed.insert(agent.clone());
        } else {
            self.take_barren_shard(agent, job, finished.outcome);
        }
    }

    /// Tests of the shard without a result: if it says that it ran everything they were not run, and that is an error;
    /// otherwise they go to others.
    fn settle_batches(&mut self, job: JobId, finished: &Finished) {
        let Some(lease) = self.leases.get(&finished.token) else { return };
        let batches = lease.batches.clone();
        let is_suspect = lease.row.is_started && !is_fenced(&finished.outcome);
        for batch in batches {
            match finished.outcome {
                AttemptOutcome::Passed => self.mark_not_run(job, batch),
                AttemptOutcome::Failed { .. } | AttemptOutcome::Errored { .. } | AttemptOutcome::TimedOut
                    if is_suspect =>
                {
                    self.give_back(batch, crate::change::Harm::Possible);
                }
                AttemptOutcome::Failed { .. }
                | AttemptOutcome::Errored { .. }
                | AttemptOutcome::TimedOut
                | AttemptOutcome::Cancelled => self.give_back(batch, crate::change::Harm::None),
            }
        }
    }

    fn mark_not_run(&mut self, job: JobId, token: Token) {
        let Some(batch) = self.batches.get(&token) else { return };
        for test in batch.open.clone() {
            let message = "the shard ended as passed, but sent no result for this test".to_owned();
            let test_try = self.errored_try(job, test, token, message);
            self.end_try(job, test, test_try);
        }
    }

    /// A shard ended and brought nothing: it is tried elsewhere, but not without end. What the user's own work says is
    /// believed after a few; where the cause lies with agents, those that still try are waited for.
    fn take_barren_shard(&mut self, agent: &AgentName, job: JobId, outcome: AttemptOutcome) {
        let found = self.job_mut(job);
        found.avoid.insert(agent.clone());
        let Some(suite) = found.suite.as_deref_mut() else { return };
        suite.barren_shards += 1;
        let are_many = suite.barren_shards >= BARREN_SHARDS_MAX;
        let is_last = suite.shards.is_empty();
        let is_believed = matches!(outcome, AttemptOutcome::Failed { .. }) && are_many;
        if is_believed || (is_last && (are_many || !self.has_other_agent(job))) {
            let (outcome, reason) = barren_end(outcome, agent);
            return self.end_job(job, outcome, Some(reason));
        }
        self.pending.offers.insert(job);
    }
}

fn check_outputs(outputs: &BTreeMap<String, String>) -> Result<(), Reason> {
    let bytes: usize = outputs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > OUTPUTS_BYTES_MAX {
        let message = format!("its outputs have {bytes} bytes; the limit is {OUTPUTS_BYTES_MAX}");
        return Err(Reason::new(ReasonCode::LimitExceeded, message));
    }
    Ok(())
}

/// Whether an attempt was ended because its lease could not be renewed.
fn is_fenced(outcome: &AttemptOutcome) -> bool {
    matches!(outcome, AttemptOutcome::Errored { reason } if reason.code == ReasonCode::OutcomeUnknown)
}

fn barren_end(outcome: AttemptOutcome, agent: &AgentName) -> (Outcome, Reason) {
    match outcome {
        AttemptOutcome::Failed { reason } => (Outcome::Failed, reason),
        AttemptOutcome::Errored { reason } => (Outcome::Errored, reason),
        AttemptOutcome::Passed | AttemptOutcome::TimedOut | AttemptOutcome::Cancelled => {
            let message = format!("shards ended without a result of any test, the last on agent `{agent}`");
            (Outcome::Errored, Reason::new(ReasonCode::ResultsMissing, message))
        }
    }
}

/// After so many shards in a row that ended without a result their job ends.
const BARREN_SHARDS_MAX: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_outputs_count_up_to_the_limit() {
        let outputs = |bytes: usize| check_outputs(&[("k".to_owned(), "v".repeat(bytes - 1))].into());
        assert!(outputs(OUTPUTS_BYTES_MAX).is_ok());
        let reason = outputs(OUTPUTS_BYTES_MAX + 1).expect_err("one byte too many");
        assert_eq!(reason.code, ReasonCode::LimitExceeded);
        assert!(outputs(OUTPUTS_BYTES_MAX + 2).is_err());
    }
}
