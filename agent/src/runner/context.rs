//! What a runner adapter is given.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::attempt::environment::Environment;
use crate::attempt::lifeline::Lifeline;
use crate::attempt::limits::GRACE_DEFAULT;
use crate::attempt::process::Command;

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
}

/// The attempt's log: bytes through a bounded channel. A slow reader slows the runner; one that has gone away has the
/// rest thrown away.
#[derive(Clone, Debug)]
pub struct Log(Option<mpsc::Sender<Bytes>>);

impl RunnerContext {
    /// A command in this context.
    #[must_use]
    pub fn command<Argument: Into<std::ffi::OsString>>(&self, argv: impl IntoIterator<Item = Argument>) -> Command {
        let argv = argv.into_iter().map(Into::into).collect();
        let mut command = Command::new(argv, self.directory.clone(), self.environment.clone());
        command.grace = self.grace;
        command.lifeline = self.lifeline.clone();
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
        (Self(Some(sender)), receiver)
    }

    /// A log that writes into `sender`.
    #[must_use]
    pub const fn into_channel(sender: mpsc::Sender<Bytes>) -> Self {
        Self(Some(sender))
    }

    /// A log that nobody reads.
    #[must_use]
    pub const fn discarded() -> Self {
        Self(None)
    }

    /// Appends `bytes`; waits while the reader is behind.
    pub async fn write(&self, bytes: Bytes) {
        if let Some(sender) = &self.0 {
            // A reader that has gone away wants nothing more.
            let _ = sender.send(bytes).await;
        }
    }

    /// Appends a line of Muster's own.
    pub async fn note(&self, text: &str) {
        self.write(Bytes::from(format!("muster: {text}\n"))).await;
    }
}
