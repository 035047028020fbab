//! Tests and specification of a run, be it open or retired.

use std::sync::Arc;

use muster_common::id::RunId;
use muster_common::spec::RunSpec;
use muster_scheduler::{Answer, Input, Refusal, TestReport};
use tonic::Status;

use super::status::{from_no_answer, from_refusal, internal, unexpected};
use crate::handle::Handle;
use crate::history::History;
use crate::report::tests_from;
use crate::reports::Reports;

/// Where runs are read.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    pub(super) handle: Handle,
    pub(super) history: Arc<History>,
    pub(super) reports: Reports,
}

/// A part of a run's tests, and where the next one begins.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) tests: Vec<TestReport>,
    pub(super) next: Option<(u32, u32)>,
}

impl Readers {
    /// What a run was asked to do.
    pub(super) async fn spec(&self, run: RunId) -> Result<RunSpec, Status> {
        match self.handle.ask(|ask| Input::GetSpec { ask, run }).await.map_err(from_no_answer)? {
            Answer::Spec(spec) => Ok(*spec),
            Answer::Refused(refusal @ Refusal::RunUnknown { .. }) => {
                let row = self.history.get(run).ok_or_else(|| from_refusal(&refusal))?;
                let report = self.reports.load(&row).await;
                let report = report.map_err(|error| internal("cannot read the run's report", &error))?;
                Ok(report.run.spec.clone())
            }
            answer => Err(unexpected(&answer)),
        }
    }

    /// At most `limit` tests from a place on.
    pub(super) async fn tests(&self, run: RunId, from: (u32, u32), limit: usize) -> Result<Page, Status> {
        let answer = self.handle.ask(|ask| Input::ListRunTests { ask, run, from, limit }).await;
        match answer.map_err(from_no_answer)? {
            Answer::Tests { tests, next } => Ok(Page { tests, next }),
            Answer::Refused(refusal @ Refusal::RunUnknown { .. }) => {
                let row = self.history.get(run).ok_or_else(|| from_refusal(&refusal))?;
                let report =
                    self.reports.load(&row).await.map_err(|error| internal("cannot read the run's report", &error))?;
                let (tests, next) = tests_from(&report, from, limit);
                Ok(Page { tests: tests.to_vec(), next })
            }
            answer => Err(unexpected(&answer)),
        }
    }
}
