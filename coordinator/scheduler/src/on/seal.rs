//! A discovery has ended. If its list is complete it is sealed, and its tests can be dealt.

use std::collections::BTreeSet;

use muster_common::control::{Finished, Seal};
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{JobId, TestIndex};
use muster_common::outcome::{AttemptOutcome, Outcome};
use muster_common::spec::Work;
use sha2::{Digest as _, Sha256};

use crate::LeaseRow;
use crate::scheduler::Scheduler;
use crate::state::{Expected, Known};

impl Scheduler {
    pub(crate) fn finish_discovery(&mut self, row: &LeaseRow, finished: Finished) {
        let job = row.job;
        if self.end_if_stopped(job) {
            return;
        }
        if finished.outcome != AttemptOutcome::Passed {
            self.forget_names(job);
            return self.end_unpassed(row, finished.outcome);
        }
        if let Err(reason) = check(&self.suite(job).names, finished.seal) {
            return self.end_job(job, Outcome::Errored, Some(reason));
        }
        self.seal(job);
    }

    fn seal(&mut self, job: JobId) {
        self.select_tests(job);
        let suite = self.suite_mut(job);
        suite.names_sha256 = Some(digest_of(&suite.names));
        let count = u32::try_from(suite.names.len()).expect("fewer tests are listed than a job may have");
        self.make_tests(job);
        let suite = self.suite_mut(job);
        for test in (0..count).map(TestIndex) {
            suite.await_dealing(test);
        }
        let found = self.job_mut(job);
        found.row.sealed = Some(count);
        if let Some(run) = self.runs.open.get_mut(&job.run) {
            run.tests += count;
        }
        self.keep_needed_shards(job);
        self.touch_job(job);
        self.pending.offers.insert(job);
    }

    /// Makes the tests of a discovery that is sealed, each with what is remembered of it.
    pub(crate) fn make_tests(&mut self, job: JobId) {
        let run = &self.runs.open[&job.run];
        let Work::Tests(spec) = &run.spec(job.job).work else { return };
        let known = self.memory.find(&run.project, &run.spec(job.job).name);
        let found = self.jobs.get_mut(&job).and_then(|found| found.suite.as_deref_mut());
        if let Some(suite) = found {
            suite.make_tests(spec, |name| match known {
                Some(known) => (known.expected(name), self.memory.known(known, name, self.now.wall)),
                None => (Expected::default(), Known::default()),
            });
            if let Some(stress) = &run.row.spec.stress {
                suite.choose_stressed(stress, known.is_some());
            }
        }
    }
}

/// SHA-256 over names, each followed by a zero byte.
pub(crate) fn digest_of(names: &[String]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

fn check(names: &[String], seal: Option<Seal>) -> Result<(), Reason> {
    let unsealed = |message: String| Reason::new(ReasonCode::DiscoveryUnsealed, message);
    let Some(seal) = seal else {
        return Err(unsealed("the list of tests came without its seal: it may be cut off".to_owned()));
    };
    if seal.count as usize != names.len() {
        return Err(unsealed(format!("discovery says that it listed {} tests, but {} came", seal.count, names.len())));
    }
    if seal.sha256 != digest_of(names) {
        return Err(unsealed("the list of tests that came is not the one that discovery made".to_owned()));
    }
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(twice) => Err(unsealed(format!("discovery lists test `{twice}` twice: verdicts could not be told apart"))),
        None => Ok(()),
    }
}
