//! [`Finding`]: something in a report that cannot be.

use std::fmt;

use serde::Serialize;

use crate::output::text::one_line;

/// One disagreement, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The job's name; null: it is about the run or the whole report.
    pub(crate) job: Option<String>,
    /// The test's id; null: it is about the job as a whole.
    pub(crate) test: Option<String>,
    /// What disagrees with what.
    pub(crate) what: String,
}

impl Finding {
    /// About the run or the whole report.
    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self { job: None, test: None, what: what.into() }
    }

    /// About a job.
    pub(super) fn job(job: &str, what: impl Into<String>) -> Self {
        Self { job: Some(job.to_owned()), test: None, what: what.into() }
    }

    /// About a test.
    pub(super) fn test(job: &str, test: &str, what: impl Into<String>) -> Self {
        Self { job: Some(job.to_owned()), test: Some(test.to_owned()), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.job, &self.test) {
            (Some(job), Some(test)) => write!(f, "job `{}`, test `{}`: ", one_line(job), one_line(test))?,
            (Some(job), None) => write!(f, "job `{}`: ", one_line(job))?,
            (None, _) => {}
        }
        f.write_str(&self.what)
    }
}
