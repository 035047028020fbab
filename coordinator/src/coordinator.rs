//! A coordinator that runs: its parts, started in order, and ended in order.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_common::control::Stamp;
use muster_service::clock::SystemClock;
use muster_service::endpoint::Endpoint;
use muster_service::shutdown::Shutdown;
use muster_service::supervision::Pulse;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use crate::blobs::{BlobError, DiskBlobs, DiskSettings};
use crate::condition::Condition;
use crate::driver::Parts;
use crate::grpc::{self, Address, BindError, Listener, Services};
use crate::handle::{Absence, Handle};
use crate::history::History;
use crate::life::{FirstLife, LifeError};
use crate::logs::Logs;
use crate::options::Options;
use crate::reports::{Errand, Reports, Runner};
use crate::store::SledStore;

/// A running coordinator. Dropping it tells it to shut down and does not wait.
#[derive(Debug)]
pub struct Coordinator {
    address: Address,
    data: PathBuf,
    stamp: watch::Receiver<Stamp>,
    condition: watch::Receiver<Condition>,
    history: Arc<History>,
    shutdown: Shutdown,
    pulse: Pulse,
    work: Option<JoinHandle<Result<(), Failure>>>,
}

/// A coordinator cannot start. Nothing of its data was changed, but that an epoch may have been used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The data directory cannot be made.
    #[error("cannot make the data directory {}", path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store cannot be opened, or what it holds cannot be taken over.
    #[error(transparent)]
    Store(#[from] LifeError),
    /// The blobs cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The logs cannot be opened.
    #[error("cannot open the logs in {}", path.display())]
    Logs {
        /// Their directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A coordinator has ended without having been told to. Its data is whole; it may be started again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A commit failed, and the store could not be opened again.
    #[error("the coordinator stopped because its store failed")]
    Store(#[from] LifeError),
    /// The server broke down.
    #[error("the coordinator stopped because its server broke down")]
    Server(#[from] tonic::transport::Error),
    /// A part of it panicked.
    #[error("the coordinator stopped because of a fault of its own in {part}")]
    Panicked {
        /// Which part.
        part: &'static str,
        /// The panic.
        source: JoinError,
    },
}

/// Starts a coordinator. It serves when this returns; on a full disk only what is stored, until there is room.
///
/// # Errors
/// If its address or its data directory cannot be used.
pub async fn start(options: Options) -> Result<Coordinator, StartError> {
    make_directory(&options.data)?;
    let listener = Listener::bind(&options.listen, options.is_insecure_allowed).await?;
    let address = listener.address().clone();
    let shutdown = Shutdown::new();
    let history = Arc::new(History::default());
    let (condition_told, condition) = watch::channel(Condition::Restoring);
    let (handle, inbox, absence) = Handle::new(condition.clone());
    let (errands_out, errands) = mpsc::unbounded_channel();
    let pulse = Pulse::default();
    let parts = Parts {
        config: options.scheduler.clone(),
        inbox,
        errands: errands_out,
        history: Arc::clone(&history),
        condition: condition_told,
        shutdown: shutdown.clone(),
        pulse: pulse.clone(),
    };
    let store = Box::new(SledStore::at(options.data.join("state"), options.store));
    let driver = FirstLife::open(store, parts).await?;
    let settings = DiskSettings { directory: options.data.join("blobs"), free_bytes_min: options.free_bytes_min };
    let blobs = DiskBlobs::open(settings).await?;
    let logs = options.data.join("logs");
    let logs = Logs::open(logs.clone()).map_err(|source| StartError::Logs { path: logs, source })?;
    let stamp = driver.stamp();
    let services = Services {
        handle,
        history: Arc::clone(&history),
        reports: Reports::new(blobs.clone()),
        blobs,
        logs: Arc::new(logs),
        stamp: stamp.clone(),
        condition: condition.clone(),
        data: options.data.clone(),
        started: SystemClock.now().wall,
        shutdown: shutdown.clone(),
    };
    let work = tokio::spawn(work(driver, listener, services, errands, absence));
    Ok(Coordinator { address, data: options.data, stamp, condition, history, shutdown, pulse, work: Some(work) })
}

impl Coordinator {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The same for those who connect. A coordinator that listens on all addresses is found on the loopback.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        match &self.address {
            Address::Tcp(address) => {
                let host = match address.ip() {
                    ip if !ip.is_unspecified() => ip.to_string(),
                    ip if ip.is_ipv6() => "::1".to_owned(),
                    _ => "127.0.0.1".to_owned(),
                };
                Endpoint::Http { host, port: address.port() }
            }
            Address::Unix(path) => Endpoint::Unix(path.clone()),
        }
    }

    /// One line for people: where it serves what.
    #[must_use]
    pub fn greeting(&self) -> String {
        if *self.condition.borrow() == Condition::NoRoom {
            return format!("serving on {} from {}, but its disk is full", self.address, self.data.display());
        }
        let epoch = self.stamp.borrow().epoch;
        let open_runs = self.history.open_runs();
        format!("serving on {} from {}, epoch {epoch}, {open_runs} open runs", self.address, self.data.display())
    }

    /// Beats while it serves; it pauses while the state is read again, or while the disk is full.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Whether it serves, as that changes.
    #[must_use]
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    /// Returns only if it ends by itself, with the reason.
    pub async fn failed(&mut self) -> Failure {
        loop {
            let Some(work) = &mut self.work else { return std::future::pending().await };
            let result = ended("its supervision", work.await);
            self.work = None;
            if let Err(failure) = result {
                return failure;
            }
        }
    }

    /// Stops taking calls, makes durable what was accepted, closes all streams, and returns when the data directory is free.
    ///
    /// # Errors
    /// If it had failed before, or fails at that.
    pub async fn shut_down(mut self) -> Result<(), Failure> {
        self.shutdown.begin();
        match self.work.take() {
            Some(work) => ended("its supervision", work.await),
            None => Ok(()),
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}

/// Runs the parts until one of them ends, then ends the others.
async fn work(
    driver: FirstLife,
    listener: Listener,
    services: Services,
    errands: mpsc::UnboundedReceiver<Errand>,
    absence: Absence,
) -> Result<(), Failure> {
    let shutdown = services.shutdown.clone();
    let address = listener.address().clone();
    let mut driving = tokio::spawn(driver.run());
    let runner = Runner {
        reports: services.reports.clone(),
        logs: Arc::clone(&services.logs),
        handle: services.handle.clone(),
        shutdown: shutdown.clone(),
    };
    let running_errands = tokio::spawn(runner.run(errands));
    let mut serving = tokio::spawn(grpc::serve(listener, services));
    let result = tokio::select! {
        driven = &mut driving => {
            shutdown.begin();
            let served = ended("the server", serving.await);
            ended("the driver", driven).and(served)
        }
        served = &mut serving => {
            shutdown.begin();
            let driven = ended("the driver", driving.await);
            driven.and(ended("the server", served))
        }
    };
    let ran_errands = ended("its errands", running_errands.await.map(Ok::<(), Failure>));
    if tokio::time::timeout(LEAVE_MAX, absence.wait()).await.is_err() {
        tracing::warn!("some calls have not ended; the data directory may be in use a little longer");
    }
    if let Address::Unix(path) = address {
        let _ = std::fs::remove_file(path);
    }
    result.and(ran_errands)
}

fn ended<E: Into<Failure>>(part: &'static str, result: Result<Result<(), E>, JoinError>) -> Result<(), Failure> {
    match result {
        Ok(result) => result.map_err(Into::into),
        Err(source) => Err(Failure::Panicked { part, source }),
    }
}

fn make_directory(path: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::Data { path: path.to_owned(), source };
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    missing.into_iter().try_for_each(sync_name).map_err(failed)?;
    // An earlier life may have been killed before it did this. A folder that it may not read it has not made anything in.
    let _ = sync_name(path);
    Ok(())
}

/// Makes the name of a folder durable.
fn sync_name(folder: &Path) -> io::Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// How long the tasks of calls that have ended may take to leave.
const LEAVE_MAX: Duration = Duration::from_secs(5);
