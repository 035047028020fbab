//! A running agent within this process.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_common::id::AgentLife;
use muster_service::blob::BlobClient;
use muster_service::endpoint::{Endpoint, EndpointError};
use muster_service::supervision::Pulse;
use muster_service::version::VERSION;
use muster_service::workspace::{BlobCache, remove_tree};
use muster_session::{Config, Identity, Restored, Session};
use nix::fcntl::{Flock, FlockArg};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::attempt::build_home::BuildHomes;
use crate::attempt::environment;
use crate::attempt::leftovers::{self, Mark, Sweep};
use crate::attempt::lifeline::Lifeline;
use crate::attempt::shared_build::SharedBuilds;
use crate::driver::{Driver, Parts, Signals};
use crate::host::Host;
use crate::inventory;
use crate::isolation::offer::{IsolationError, Offer};
use crate::options::{Options, OptionsError};
use crate::runner::kept::{Store, store};
use crate::spool::Spool;

/// An agent that runs in this process. Dropping the handle leaves it running until the runtime ends.
#[derive(Debug)]
pub struct Agent {
    mark: Mark,
    signals: Signals,
    pulse: Pulse,
    task: JoinHandle<()>,
}

/// An agent could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The options are out of their bounds.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The coordinator's address cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another agent uses the directory.
    #[error("directory {} is used by another agent that runs; give every agent a directory of its own", .0.display())]
    DirectoryTaken(PathBuf),
    /// What keeps jobs from the rest of the machine cannot be had.
    #[error(transparent)]
    Isolation(#[from] IsolationError),
    /// The directory cannot be used.
    #[error("cannot use directory {}", .directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Agent {
    /// What all processes that it starts carry, for a caller that must end them at once before it ends itself.
    #[must_use]
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Beats for as long as it does its work.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Asks it to take no new lease, finish the rest, and leave. Returns at once.
    pub fn drain(&self) {
        self.signals.drain.cancel();
    }

    /// Asks it to stop everything and leave. Returns at once.
    pub fn stop(&self) {
        self.signals.stop.cancel();
    }

    /// Waits until it has left.
    pub async fn left(&mut self) {
        // A driver that panicked has left as well; the panic is in the process's log.
        let _ = (&mut self.task).await;
    }

    /// Stops everything that runs, and returns when nothing of it is left.
    pub async fn shut_down(mut self) {
        self.stop();
        self.left().await;
    }
}

/// Starts an agent. It connects, and connects again, for as long as it runs: that nobody answers is no error here.
///
/// # Errors
/// If the options are out of their bounds, or its directory cannot be used.
pub async fn start(options: Options) -> Result<Agent, StartError> {
    options.check()?;
    options.coordinator.check_plaintext(options.is_insecure_allowed)?;
    let signals = Signals::default();
    let (parts, lock) = prepare(options, signals.clone()).await?;
    let (mark, pulse) = (parts.host.mark.clone(), parts.pulse.clone());
    let task = tokio::spawn(async move {
        Driver::new(parts).run().await;
        drop(lock);
    });
    Ok(Agent { mark, signals, pulse, task })
}

async fn prepare(options: Options, signals: Signals) -> Result<(Parts, Flock<File>), StartError> {
    let wanted = options.directory.clone();
    let error = |source| StartError::Directory { directory: wanted.clone(), source };
    let directory = create(&options.directory).map_err(error)?;
    let lock = lock(&directory).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => StartError::DirectoryTaken(directory.clone()),
        _ => error(source),
    })?;
    let mark = Mark { name: AGENT_MARK.to_owned(), value: directory.display().to_string() };
    end_earlier_life(&directory, &mark).await.map_err(error)?;
    let (spool, restored) = Spool::open(&directory.join("spool")).map_err(error)?;
    let cache_directory = options.cache_directory.clone().unwrap_or_else(|| directory.join("cache"));
    let builds_directory = options.builds_directory.clone().unwrap_or_else(|| directory.join("builds"));
    let cache_bytes_max = options.cache_bytes_max;
    let lists_directory = cache_directory.join(LISTS);
    let cache = tokio::task::spawn_blocking(move || BlobCache::open(&cache_directory, cache_bytes_max))
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(error)?;
    let lists = kept_lists(lists_directory.clone()).await;
    let offer = offer(&options, &directory, &lists_directory).await?;
    let bulk = options.coordinator.connect_lazy();
    let (connected_sender, is_connected) = watch::channel(false);
    let host = Host {
        name: options.name.clone(),
        attempts_folder: directory.join(ATTEMPTS),
        blobs: BlobClient::new(bulk.clone()),
        bulk,
        cache,
        is_connected,
        environment: environment::base(std::env::vars_os()),
        mark,
        build_homes: build_homes(builds_directory).await.map_err(error)?,
        shared_builds: SharedBuilds::new(directory.join(SHARED_BUILDS)),
        lists,
        grace: options.grace,
        offer,
        lifeline: Lifeline::new().map_err(error)?,
        leaving: signals.stop.clone(),
    };
    let endpoint = options.coordinator.clone();
    let session = session(options, restored);
    let is_connected = connected_sender;
    let pulse = Pulse::default();
    let parts = Parts { session, endpoint, host: Arc::new(host), spool, is_connected, signals, pulse };
    Ok((parts, lock))
}

/// What jobs may not touch is everything that is the agent's own.
async fn offer(options: &Options, directory: &Path, lists: &Path) -> Result<Offer, IsolationError> {
    let mut hidden = options.hidden.clone();
    hidden.extend([directory.to_owned(), lists.to_owned()]);
    hidden.extend(std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.parent().is_some()));
    hidden.extend(options.cache_directory.clone().into_iter().chain(options.builds_directory.clone()));
    if let Endpoint::Unix(path) = &options.coordinator {
        hidden.push(path.clone());
    }
    Offer::find(options.isolation.clone(), options.slots, directory, hidden).await
}

fn session(options: Options, restored: Restored) -> Session {
    let mut labels = inventory::labels();
    labels.extend(inventory::isolation_labels(options.isolation.level));
    labels.extend(options.labels);
    let drawn = uuid::Uuid::new_v4().as_u64_pair();
    let identity = Identity {
        agent: options.name,
        life: AgentLife(drawn.0),
        labels,
        slots: options.slots,
        version: VERSION.to_owned(),
        features: Vec::new(),
    };
    if !restored.messages.is_empty() {
        tracing::info!(messages = restored.messages.len(), "sending what an earlier life of this agent has left");
    }
    Session::restore(Config { seed: drawn.1, ..Config::default() }, identity, restored)
}

/// Ends the processes of an agent that was killed, and removes the folders of its attempts.
async fn end_earlier_life(directory: &Path, mark: &Mark) -> io::Result<()> {
    let folders = [directory.join(ATTEMPTS), directory.join(SHARED_BUILDS)];
    if folders[0].exists() {
        let survivors = leftovers::end(Sweep { mark: mark.clone(), session: None, beneath: None }).await;
        if !survivors.is_empty() {
            tracing::error!(?survivors, "processes of an earlier life of this agent cannot be ended");
        }
    }
    tokio::task::spawn_blocking(move || folders.iter().try_for_each(|folder| remove_tree(folder)))
        .await
        .map_err(io::Error::other)
        .flatten()
}

/// The places for builds, without those that were not used for long.
async fn build_homes(folder: PathBuf) -> io::Result<BuildHomes> {
    let work = move || {
        let homes = BuildHomes::new(&folder)?;
        homes.remove_stale()?;
        Ok(homes)
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}

/// The kept lists. An agent works without them too.
async fn kept_lists(folder: PathBuf) -> Option<Store> {
    let shown = folder.display().to_string();
    let open = move || Store::open(&folder, store::Bounds::default());
    let opened = tokio::task::spawn_blocking(open).await.map_err(io::Error::other).flatten();
    opened.inspect_err(|error| tracing::warn!(%error, folder = %shown, "lists of tests cannot be kept")).ok()
}

fn create(directory: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(directory)?;
    directory.canonicalize()
}

fn lock(directory: &Path) -> io::Result<Flock<File>> {
    let file = File::create(directory.join("lock"))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error.into())
}

/// Name of the variable that marks the processes of one agent, by its directory.
const AGENT_MARK: &str = "MUSTER_AGENT_MARK";
/// Folder of kept lists in the cache's directory.
const LISTS: &str = "lists";
const ATTEMPTS: &str = "attempts";
const SHARED_BUILDS: &str = "shared-builds";
