//! The test of a kept list: it lists the suite anew, and passes only where both lists are the same.
//!
//! It is dealt as the first test of the suite, so that the others run meanwhile, and its name says what the list must be. A
//! job whose list was kept passes only if it passes: what a key cannot see never makes a job green that left tests out.

use std::ffi::OsStr;

use muster_common::control::{DealtTest, Seal};
use muster_common::outcome::TryOutcome;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::whole::{AGE_MAX, WholeList};
use crate::runner::adapter::Adapter;
use crate::runner::context::RunnerContext;
use crate::runner::event::BatchEvent;
use crate::runner::failure::{Fault, RunnerFailure};
use crate::runner::listing::Listing;
use crate::runner::progress::{Progress, Verdict};

/// Tests of kept lists in a batch, apart from the others.
#[derive(Debug)]
pub(crate) struct Checks {
    checks: Vec<DealtTest>,
    /// The tests of the suite.
    pub(crate) others: Vec<DealtTest>,
}

impl Checks {
    /// Those in `tests`; none if there are none, or if no list of the suite is kept.
    pub(crate) fn among(tests: &[DealtTest], context: &RunnerContext) -> Option<Self> {
        context.lists.whole()?;
        let (checks, others): (Vec<_>, Vec<_>) = tests.iter().cloned().partition(|test| is_check(&test.name));
        (!checks.is_empty()).then_some(Self { checks, others })
    }

    /// Runs them.
    pub(crate) async fn run(
        &self,
        adapter: &mut Adapter,
        context: &RunnerContext,
        events: mpsc::Sender<BatchEvent>,
    ) -> Result<(), RunnerFailure> {
        let mut progress = Progress::new(&self.checks, events);
        for (position, check) in self.checks.iter().enumerate() {
            progress.started(&check.name).await?;
            let verdict = verdict(&check.name, adapter, context).await?;
            progress.settle(position, verdict).await?;
        }
        Ok(())
    }
}

/// Name of the test of a list.
pub(super) fn name(names: &[String]) -> String {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    of_seal(&Seal { count: u32::try_from(names.len()).unwrap_or(u32::MAX), sha256: hash.finalize().into() })
}

/// Whether `name` is that of such a test.
pub(super) fn is_check(name: &str) -> bool {
    name.starts_with(PREFIX)
}

async fn verdict(check: &str, adapter: &mut Adapter, context: &RunnerContext) -> Result<Verdict, RunnerFailure> {
    let mut context = context.clone();
    for variable in OF_SHARD {
        context.environment.remove(OsStr::new(variable));
    }
    let now = match list(adapter, &context).await {
        Ok(seal) => of_seal(&seal),
        Err(failure) if failure.fault == Fault::Cancelled => return Err(failure),
        Err(failure) => return Ok(Verdict::errored(format!("the suite cannot be listed: {failure}"))),
    };
    if now == check {
        return Ok(Verdict::bare(TryOutcome::Passed));
    }
    if let Some(list) = WholeList::of(&context).await {
        list.forget(&context).await;
    }
    Ok(Verdict::errored(format!(
        "the tests that were dealt are not those that the suite has now, so something has changed that `cache-discovery` \
         cannot see. Run the job again; an agent that still has this list takes it for at most {} minutes. \
         Now it would be `{now}`",
        AGE_MAX.as_secs() / 60
    )))
}

async fn list(adapter: &mut Adapter, context: &RunnerContext) -> Result<Seal, RunnerFailure> {
    let (sender, mut parts) = mpsc::channel(1);
    let listed = async {
        let mut listing = Listing::new(sender);
        adapter.list(context, &mut listing).await?;
        listing.seal().await
    };
    let (sealed, ()) = tokio::join!(listed, async { while parts.recv().await.is_some() {} });
    sealed
}

fn of_seal(seal: &Seal) -> String {
    let digest: String = seal.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{} tests, sha256 {digest}", seal.count)
}

const PREFIX: &str = "muster: the kept list is whole: ";
/// What a discovery does not see.
const OF_SHARD: &[&str] = &["MUSTER_SHARD", "MUSTER_TEST_ATTEMPT"];
