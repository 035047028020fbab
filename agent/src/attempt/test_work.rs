//! The three kinds of work of a test job: build once, list, run what is dealt.

use muster_common::control::{ArtifactMade, Discovered, Lease, LeaseWork, Seal};
use muster_common::error_code::ReasonCode;
use muster_common::id::{TestIndex, Token};
use muster_common::spec::{BUILD_ARTIFACT, TestSpec};
use muster_service::blob::BlobClient;
use muster_service::workspace::progress::unwatched;
use muster_service::workspace::upload_artifact;
use muster_session::Work;
use tokio::sync::mpsc;

use super::ending::{self, Ending};
use super::orders::{Order, Stopper};
use super::shard::Shard;
use super::supervisor::Made;
use crate::runner::{Adapter, RunnerContext};

/// A test job's work in a workspace that stands.
pub(crate) struct TestWork<'a> {
    pub(crate) tests: &'a TestSpec,
    pub(crate) context: RunnerContext,
    pub(crate) work: &'a mpsc::Sender<Work>,
    pub(crate) orders: &'a mut mpsc::Receiver<Order>,
    pub(crate) stopper: &'a Stopper,
}

/// Does what the lease asks for.
pub(crate) async fn run(lease: &Lease, work: TestWork<'_>, blobs: &BlobClient) -> Result<Made, Ending> {
    let mut adapter = Adapter::new(&work.tests.runner);
    match lease.work {
        LeaseWork::TestBuild(_) => {
            let artifact = build(&adapter, &work, blobs).await?;
            Ok(Made { artifacts: vec![artifact], ..Made::default() })
        }
        LeaseWork::Discover(_) => {
            let seal = discover(lease.token, &mut adapter, &work).await?;
            Ok(Made { seal: Some(seal), ..Made::default() })
        }
        LeaseWork::Shard(_) => {
            let TestWork { context, work, orders, stopper, .. } = work;
            let shard =
                Shard { token: lease.token, adapter: &mut adapter, context: context.clone(), work, orders, stopper };
            let ended = shard.run().await;
            adapter.close(&context).await;
            ended.map(|()| Made::default())
        }
        LeaseWork::Steps(_) => Err(Ending::errored(ReasonCode::Internal, "steps are not the work of a test job")),
    }
}

async fn build(adapter: &Adapter, work: &TestWork<'_>, blobs: &BlobClient) -> Result<ArtifactMade, Ending> {
    adapter.build(&work.context).await?;
    let everything = [".".to_owned()];
    let storing = upload_artifact(blobs, &work.context.build_dir, &everything, unwatched());
    let stored = work.stopper.unless_stopped(storing).await?;
    let stored = stored.map_err(|error| ending::artifact(BUILD_ARTIFACT, &error))?;
    Ok(ArtifactMade { name: BUILD_ARTIFACT.to_owned(), root: stored.root })
}

async fn discover(token: Token, adapter: &mut Adapter, work: &TestWork<'_>) -> Result<Seal, Ending> {
    let (sender, mut parts) = mpsc::channel::<Vec<String>>(PARTS_WAITING_MAX);
    let report = async {
        let mut first = 0_u32;
        while let Some(tests) = parts.recv().await {
            let count = u32::try_from(tests.len()).unwrap_or(u32::MAX);
            let part = Discovered { token, first: TestIndex(first), tests };
            // The agent is leaving; nobody hears it.
            let _ = work.work.send(Work::Discovered(part)).await;
            first = first.saturating_add(count);
        }
    };
    let (sealed, ()) = tokio::join!(adapter.discover(&work.context, sender), report);
    Ok(sealed?)
}

/// Parts of a list that wait to be reported.
const PARTS_WAITING_MAX: usize = 4;
