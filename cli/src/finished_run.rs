//! The report of a run that ended before this command began.

use muster_common::id::RunId;
use muster_proto::v1;

use crate::client::Client;
use crate::failure::Failure;
use crate::report::Report;

/// Reads it. A run that goes on is refused.
pub(crate) async fn read(client: &Client, run: RunId) -> Result<Report, Failure> {
    let found = client.run(run.0).await?;
    if found.state() != v1::RunState::Finished {
        return Err(Failure::usage(format!("run {run} has not ended"))
            .advise(format!("`muster watch {run}` follows it to its end; `muster why {run}` says what it does")));
    }
    let tests = client.tests(run.0).await?;
    Ok(Report { run: found, tests })
}
