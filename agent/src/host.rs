//! What all attempts of an agent share.

use std::path::PathBuf;
use std::time::Duration;

use muster_common::id::AgentName;
use muster_service::blob::BlobClient;
use muster_service::workspace::BlobCache;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::attempt::build_home::BuildHomes;
use crate::attempt::environment::Environment;
use crate::attempt::leftovers::Mark;
use crate::attempt::lifeline::Lifeline;
use crate::attempt::shared_build::SharedBuilds;
use crate::isolation::offer::Offer;
use crate::runner::kept::Store;

/// What all attempts of an agent share.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: AgentName,
    /// Where attempts have their folders.
    pub(crate) attempts_folder: PathBuf,
    /// The way to the coordinator for bulk, apart from the control stream.
    pub(crate) bulk: Channel,
    pub(crate) blobs: BlobClient,
    pub(crate) cache: BlobCache,
    /// Whether the session stands.
    pub(crate) is_connected: watch::Receiver<bool>,
    /// The base of every command's environment.
    pub(crate) environment: Environment,
    /// What every process of this agent carries.
    pub(crate) mark: Mark,
    pub(crate) build_homes: BuildHomes,
    pub(crate) shared_builds: SharedBuilds,
    /// Lists of tests from one discovery to the next; none where their folder cannot be used.
    pub(crate) lists: Option<Store>,
    pub(crate) grace: Duration,
    /// What keeps attempts from everything that is not their own.
    pub(crate) offer: Offer,
    /// Until when work that is not safe to repeat may run.
    pub(crate) lifeline: Lifeline,
    /// The agent leaves at once: what waits for the coordinator waits no more.
    pub(crate) leaving: CancellationToken,
}
