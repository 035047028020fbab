//! Reports of finished runs in the blob store: written once, read for those who look back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_common::digest::Digest;
use muster_common::limits::BLOB_BYTES_MAX;
use muster_scheduler::{HistoryRow, Input, Report};
use muster_service::shutdown::Shutdown;
use tokio::sync::mpsc;

use crate::blobs::{BlobError, DiskBlobs};
use crate::handle::Handle;
use crate::logs::Logs;
use crate::report::{self, ReportError};

/// The reports, with those that were read last kept in memory. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    blobs: DiskBlobs,
    recent: Arc<Mutex<Recent>>,
}

/// Newest first.
type Recent = VecDeque<(Digest, Arc<Report>)>;

/// Something that takes longer than a step of the driver may.
///
/// There are never many: each open run is stored once, and each stored one makes at most one older be forgotten.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Store the report of a run that has ended.
    Store(Box<Report>),
    /// Remove what is left of a run that has fallen out of history.
    Forget(Arc<HistoryRow>),
}

/// Runs errands.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) reports: Reports,
    pub(crate) logs: Arc<Logs>,
    pub(crate) handle: Handle,
    pub(crate) shutdown: Shutdown,
}

/// A report cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportsError {
    /// The blob store refused.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// What is stored is no report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// It cannot be compressed.
    #[error("cannot compress the report")]
    Compression(#[source] std::io::Error),
    /// The process ends.
    #[error("the coordinator is shutting down")]
    Stopping,
}

impl Reports {
    /// Reports in this blob store.
    pub(crate) fn new(blobs: DiskBlobs) -> Self {
        Self { blobs, recent: Arc::default() }
    }

    /// The report of a retired run.
    pub(crate) async fn load(&self, row: &HistoryRow) -> Result<Arc<Report>, ReportsError> {
        if let Some(report) = self.recall(&row.report) {
            return Ok(report);
        }
        let blob = self.blobs.read(row.report, BLOB_BYTES_MAX).await?;
        let decoded = tokio::task::spawn_blocking(move || report::decode(&blob)).await;
        let report = Arc::new(decoded.map_err(|_| ReportsError::Stopping)??);
        self.remember(row.report, Arc::clone(&report));
        Ok(report)
    }

    async fn store(&self, report: Arc<Report>) -> Result<Digest, ReportsError> {
        let encoded = tokio::task::spawn_blocking(move || report::encode(&report)).await;
        let blob = encoded.map_err(|_| ReportsError::Stopping)?.map_err(ReportsError::Compression)?;
        Ok(self.blobs.write(blob).await?)
    }

    fn recall(&self, digest: &Digest) -> Option<Arc<Report>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let place = recent.iter().position(|(found, _)| found == digest)?;
        let entry = recent.remove(place)?;
        let report = Arc::clone(&entry.1);
        recent.push_front(entry);
        Some(report)
    }

    fn remember(&self, digest: Digest, report: Arc<Report>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_front((digest, report));
        recent.truncate(RECENT_MAX);
    }
}

impl Runner {
    /// Runs errands, one after the other, until there are no more or the coordinator ends.
    pub(crate) async fn run(self, mut errands: mpsc::UnboundedReceiver<Errand>) {
        while let Some(errand) = errands.recv().await {
            if self.shutdown.has_begun() {
                return;
            }
            match errand {
                Errand::Store(report) => self.store(Arc::from(report)).await,
                Errand::Forget(row) => self.forget(&row).await,
            }
        }
    }

    async fn store(&self, report: Arc<Report>) {
        let run = report.run.run;
        loop {
            match self.reports.store(Arc::clone(&report)).await {
                Ok(digest) => {
                    tracing::debug!(%run, report = %digest, "report stored");
                    let _ = self.handle.tell(Input::ReportStored { run, report: digest }).await;
                    return;
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%run, error, "a report cannot be stored; trying again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY_AFTER) => {}
                // The scheduler of the next life asks for it again.
                () = self.shutdown.wait() => return,
            }
        }
    }

    async fn forget(&self, row: &HistoryRow) {
        let run = row.summary.run;
        if let Err(error) = self.reports.blobs.delete(row.report).await {
            tracing::warn!(%run, error = &error as &dyn std::error::Error, "an old report cannot be removed");
        }
        let logs = Arc::clone(&self.logs);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || logs.remove(run)).await {
            tracing::warn!(%run, error = &error as &dyn std::error::Error, "old logs cannot be removed");
        }
    }
}

/// Reports that are kept in memory.
const RECENT_MAX: usize = 4;
const RETRY_AFTER: Duration = Duration::from_secs(5);
