//! The kept list of a whole suite, where the pipeline says that it may be kept.

use std::time::Duration;

use muster_common::control::{Lease, Seal};
use muster_common::limits::TESTS_PER_JOB_MAX;
use muster_common::spec::{Runner, TestSpec};
use tokio::sync::mpsc;

use super::check;
use super::installation;
use super::key::{Draft, Key};
use crate::runner::adapter::Adapter;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;

/// What a suite's list follows from, as far as a lease says it: workspace, inputs, the suite itself, and what the jobs before
/// it have handed over.
#[derive(Clone, Debug)]
pub struct Basis {
    runner: Runner,
    key: Key,
}

/// The place of a suite's list.
#[derive(Clone, Copy, Debug)]
pub struct WholeList {
    key: Key,
}

impl Basis {
    /// That of a lease on `tests`.
    #[must_use]
    pub fn of(lease: &Lease, tests: &TestSpec) -> Self {
        let mut draft = Draft::new("basis");
        draft.add("workspace", lease.workspace.map(|root| root.to_string()).unwrap_or_default());
        for input in &lease.inputs {
            draft.add("input", input.root.to_string()).add("at", input.path.as_deref().unwrap_or_default());
        }
        draft.add("suite", format!("{:?}", (&tests.runner, &tests.working_directory, &tests.setup)));
        draft.add("needs", format!("{:?}", lease.needs));
        Self { runner: tests.runner.clone(), key: draft.key() }
    }
}

impl WholeList {
    /// That of the suite in `context`; none if it is not to be kept, or if it cannot be told what lists it.
    pub(crate) async fn of(context: &RunnerContext) -> Option<Self> {
        let basis = context.lists.whole()?;
        match installation::identity(&basis.runner, context).await {
            Ok(identity) => {
                let mut draft = Draft::within("whole", context);
                draft.add("basis", basis.key.bytes()).add("installation", identity);
                Some(Self { key: draft.key() })
            }
            Err(failure) => {
                let text = format!("no list is kept, because it cannot be told what would list it: {failure}");
                context.log.note(&text).await;
                None
            }
        }
    }

    /// Lists the suite: as it was listed before, together with the test of that list, else anew.
    pub(crate) async fn discover(
        self,
        adapter: &mut Adapter,
        context: &RunnerContext,
        parts: mpsc::Sender<Vec<String>>,
    ) -> Result<Seal, RunnerFailure> {
        if let Some(names) = context.lists.get(self.key, AGE_MAX).await {
            let text = format!(
                "took the list of {} tests from kept lists; one more test checks it while the others run",
                names.len()
            );
            context.log.note(&text).await;
            let mut listing = Listing::new(parts);
            listing.push(check::name(&names)).await?;
            for name in names {
                listing.push(name).await?;
            }
            return listing.seal().await;
        }
        let mut listing = Listing::remembering(parts);
        adapter.list(context, &mut listing).await?;
        let names = listing.remembered();
        let seal = listing.seal().await?;
        if may_be_kept(&names) {
            context.lists.keep(self.key, names).await;
            context.log.note("listed the suite anew; its list is kept").await;
        }
        Ok(seal)
    }

    /// It was found to be wrong.
    pub(crate) async fn forget(self, context: &RunnerContext) {
        context.lists.forget(self.key).await;
    }
}

/// An empty list may be empty for a reason of this moment, and a full one has no room for its test.
fn may_be_kept(names: &[String]) -> bool {
    !names.is_empty() && names.len() < TESTS_PER_JOB_MAX && !names.iter().any(|name| check::is_check(name))
}

/// For so long a list is taken. One that something outside of its key has made wrong stands in the way until then.
pub(super) const AGE_MAX: Duration = Duration::from_secs(60 * 60);
