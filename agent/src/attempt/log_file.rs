//! An attempt's log on this machine's disk, from which it is sent to the coordinator.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use muster_common::limits::LOG_BYTES_MAX;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, watch};

/// How far a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes in the file.
    pub(crate) bytes: u64,
    /// Whether nothing more will come.
    pub(crate) is_closed: bool,
    /// Bytes that were not kept, because there were too many or the disk did not take them.
    pub(crate) dropped_bytes: u64,
}

/// Writes what comes through `chunks` into a new file at `path` until there is no more, and says how far it is. Over
/// [`LOG_BYTES_MAX`] bytes are counted and not kept, and a last line says so. Never stops reading: a log that cannot be
/// kept does not stop the work.
pub(crate) async fn write(path: PathBuf, mut chunks: mpsc::Receiver<Bytes>, written: watch::Sender<Written>) {
    let mut log = match File::create(&path).await {
        Ok(file) => LogFile { file: Some(file), state: Written::default(), bytes_max: LOG_BYTES_MAX },
        Err(error) => {
            warn(&path, &error);
            LogFile { file: None, state: Written::default(), bytes_max: LOG_BYTES_MAX }
        }
    };
    while let Some(chunk) = chunks.recv().await {
        log.append(&path, &chunk).await;
        while let Ok(chunk) = chunks.try_recv() {
            log.append(&path, &chunk).await;
        }
        log.flush(&path).await;
        written.send_replace(log.state);
    }
    log.close(&path).await;
    log.state.is_closed = true;
    written.send_replace(log.state);
}

struct LogFile {
    file: Option<File>,
    state: Written,
    bytes_max: u64,
}

impl LogFile {
    async fn append(&mut self, path: &Path, chunk: &[u8]) {
        let room = self.bytes_max.saturating_sub(LAST_LINE_BYTES_MAX).saturating_sub(self.state.bytes);
        let kept =
            if self.state.dropped_bytes > 0 { 0 } else { usize::try_from(room).unwrap_or(usize::MAX).min(chunk.len()) };
        self.state.dropped_bytes += (chunk.len() - kept) as u64;
        self.put(path, &chunk[..kept]).await;
    }

    async fn put(&mut self, path: &Path, bytes: &[u8]) {
        let Some(file) = &mut self.file else {
            self.state.dropped_bytes += bytes.len() as u64;
            return;
        };
        match file.write_all(bytes).await {
            Ok(()) => self.state.bytes += bytes.len() as u64,
            Err(error) => self.give_up(path, &error, bytes.len() as u64).await,
        }
    }

    async fn flush(&mut self, path: &Path) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.flush().await {
            self.give_up(path, &error, 0).await;
        }
    }

    /// What the file really holds is its length; the rest is lost.
    async fn give_up(&mut self, path: &Path, error: &std::io::Error, lost_bytes: u64) {
        warn(path, error);
        self.file = None;
        let length = tokio::fs::metadata(path).await.map_or(0, |found| found.len());
        let kept = length.min(self.state.bytes);
        self.state.dropped_bytes += lost_bytes + (self.state.bytes - kept);
        self.state.bytes = kept;
    }

    async fn close(&mut self, path: &Path) {
        if self.state.dropped_bytes > 0 && self.file.is_some() {
            let line = format!("\nmuster: the log is full, {} further bytes were not kept\n", self.state.dropped_bytes);
            self.put(path, line.as_bytes()).await;
        }
        self.flush(path).await;
    }
}

fn warn(path: &Path, error: &std::io::Error) {
    tracing::warn!(path = %path.display(), %error, "an attempt's log cannot be kept");
}

const LAST_LINE_BYTES_MAX: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_is_kept_to_its_limit_and_says_what_is_missing() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("log");
        let mut log = LogFile { file: Some(File::create(&path).await?), state: Written::default(), bytes_max: 1_000 };
        for _ in 0..200 {
            log.append(&path, b"0123456789").await;
        }
        log.close(&path).await;
        let text = std::fs::read_to_string(&path)?;
        assert_eq!(text.len() as u64, log.state.bytes);
        assert!(text.len() <= 1_000);
        let kept = text.find("\nmuster").unwrap_or_default() as u64;
        assert_eq!(log.state.dropped_bytes, 2_000 - kept);
        assert!(text.ends_with(&format!("\nmuster: the log is full, {} further bytes were not kept\n", 2_000 - kept)));
        Ok(())
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_written_does_not_stop_the_work() {
        let (sender, chunks) = mpsc::channel(1);
        let (written, state) = watch::channel(Written::default());
        let task = tokio::spawn(write(PathBuf::from("/nowhere/log"), chunks, written));
        for _ in 0..100 {
            sender.send(Bytes::from_static(b"x")).await.expect("it is read");
        }
        drop(sender);
        task.await.expect("it ends");
        let state = *state.borrow();
        assert_eq!((state.bytes, state.dropped_bytes, state.is_closed), (0, 100, true));
    }
}
