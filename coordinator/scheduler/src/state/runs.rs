//! Open runs, and the request ids by which clients may ask for the same run again.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_common::id::{JobIndex, RunId};
use muster_common::spec::JobSpec;

use crate::RunRow;

/// All open runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) open: BTreeMap<RunId, Run>,
    /// Which run each request id has become; also of retired runs that are still in the history.
    pub(crate) requests: BTreeMap<String, RunId>,
    /// Retired runs in the history, with their request ids.
    pub(crate) history: BTreeMap<RunId, String>,
    /// Runs in `open` that have not ended.
    pub(crate) unended: usize,
}

/// One open run, until its rows are removed.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) row: RunRow,
    /// Its project, shared with the queue.
    pub(crate) project: Arc<str>,
    /// Jobs that have not ended.
    pub(crate) jobs_open: usize,
    /// Place of each job by its name.
    pub(crate) places: BTreeMap<String, JobIndex>,
    /// Retries of failed tests that were granted.
    pub(crate) retries: u32,
    /// Tests in all sealed discoveries.
    pub(crate) tests: u32,
}

impl Run {
    /// A run as its row says, without its jobs.
    pub(crate) fn new(row: RunRow) -> Self {
        let places = (0..).zip(&row.spec.jobs).map(|(place, job)| (job.name.clone(), JobIndex(place))).collect();
        let project = Arc::from(row.spec.project.as_str());
        Self { row, project, jobs_open: 0, places, retries: 0, tests: 0 }
    }

    /// A job's specification.
    pub(crate) fn spec(&self, job: JobIndex) -> &JobSpec {
        &self.row.spec.jobs[job.0 as usize]
    }

    /// Places of the jobs that a job needs.
    pub(crate) fn needs(&self, job: JobIndex) -> Vec<JobIndex> {
        self.spec(job).needs.iter().filter_map(|name| self.places.get(name).copied()).collect()
    }
}
