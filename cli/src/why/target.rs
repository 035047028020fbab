//! [`Target`]: what somebody asks about.

use std::str::FromStr;

use muster_common::id::RunId;

/// `RUN`, `RUN/JOB` or `RUN/JOB/TEST`. Which part of it is the job's name is known when the run is: names of jobs and
/// tests may hold slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The run.
    pub(crate) run: RunId,
    /// What stands after the first slash.
    pub(crate) rest: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (run, rest) = match text.split_once('/') {
            Some((run, rest)) => (run, Some(rest)),
            None => (text, None),
        };
        let run =
            run.parse().map_err(|_| format!("`{run}` is no number of a run; write RUN, RUN/JOB or RUN/JOB/TEST"))?;
        Ok(Self { run: RunId(run), rest: rest.filter(|rest| !rest.is_empty()).map(str::to_owned) })
    }
}
