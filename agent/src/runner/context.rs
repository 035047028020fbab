//! What a runner adapter is given.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::attempt::environment::Environment;
use crate::attempt::lifeline::Lifeline;
use crate::attempt::limits::GRACE_DEFAULT;
use crate::attempt::process::Command;
use crate::attempt::traces::Traces;
use crate::isolation::confinement::Confinement;
use crate::runner::kept::Lists;

/// Where and how a runner runs. One per attempt; the directories outlive its batches.
#[derive(Clone, Debug)]
pub struct RunnerContext {
    /// The runner's working directory, beneath the workspace.
    pub directory: PathBuf,
    /// The exact environment of every command.
    pub environment: Environment,
    /// A directory of this attempt alone, outside the workspace, for the adapter's own files.
    pub private_dir: PathBuf,
    /// For a build: the empty directory that becomes its artifact. Later: that artifact, laid out again. Shards of one
    /// agent may share it.
    pub build_dir: PathBuf,
    /// Where the runner's own words go.
    pub log: Log,
    /// Stops whatever is running.
    pub stop: CancellationToken,
    /// Time limit of one test.
    pub test_timeout: Duration,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// What ends its commands even when the agent cannot: for work that is not safe to repeat.
    pub lifeline: Option<Lifeline>,
    /// What its commands are held to.
    pub confinement: Option<Arc<Confinement>>,
    /// Counts its commands until nothing of them can be left.
    pub traces: Traces,
    /// Lists of earlier discoveries.
    pub lists: Lists,
}

/// The attempt's log: bytes through a bounded channel. A slow reader slows the runner; one that has gone away has the
/// rest thrown away.
#[derive(Clone, Debug)]
pub struct Log {
    sender: Option<mpsc::Sender<Bytes>>,
    /// Whether its last line has no end yet.
    is_line_open: Arc<AtomicBool>,
}

impl RunnerContext {
    /// A command in this context.
    #[must_use]
    pub fn command<Argument: Into<std::ffi::OsString>>(&self, argv: impl IntoIterator<Item = Argument>) -> Command {
        let argv = argv.into_iter().map(Into::into).collect();
        let mut command = Command::new(argv, self.directory.clone(), self.environment.clone());
        command.grace = self.grace;
        command.lifeline = self.lifeline.clone();
        command.confinement = self.confinement.clone();
        command.traces = self.traces.clone();
        command
    }

    /// The default of [`RunnerContext::grace`].
    pub const GRACE_DEFAULT: Duration = GRACE_DEFAULT;
}

impl Log {
    /// A log whose bytes are read from the returned channel.
    #[must_use]
    pub fn channel(chunks_max: usize) -> (Self, mpsc::Receiver<Bytes>) {
        let (sender, receiver) = mpsc::channel(chunks_max);
        (Self { sender: Some(sender), is_line_open: Arc::default() }, receiver)
    }

    /// A log that nobody reads.
    #[must_use]
    pub fn discarded() -> Self {
        Self { sender: None, is_line_open: Arc::default() }
    }

    /// Appends `bytes`; waits while the reader is behind.
    pub async fn write(&self, bytes: Bytes) {
        let (Some(sender), Some(last)) = (&self.sender, bytes.last()) else { return };
        self.is_line_open.store(*last != b'\n', Ordering::Relaxed);
        // A reader that has gone away wants nothing more.
        let _ = sender.send(bytes).await;
    }

    /// Appends a line of Muster's own.
    pub async fn note(&self, text: &str) {
        let end = if self.is_line_open.load(Ordering::Relaxed) { "\n" } else { "" };
        self.write(Bytes::from(format!("{end}muster: {text}\n"))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_note_has_a_line_of_its_own() {
        let (log, mut chunks) = Log::channel(8);
        log.note("step").await;
        log.clone().write(Bytes::from("no end")).await;
        log.write(Bytes::new()).await;
        log.note("failed").await;
        drop(log);
        let mut text = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            text.extend_from_slice(&chunk);
        }
        assert_eq!(String::from_utf8_lossy(&text), "muster: step\nno end\nmuster: failed\n");
    }
}
