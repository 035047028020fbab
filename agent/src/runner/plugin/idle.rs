//! A runner process between two batches.

use std::io;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;

use crate::runner::context::RunnerContext;
use crate::runner::session::Idle;

/// The pipe by which a process gets its batches.
#[derive(Debug)]
pub(super) struct Batches {
    sender: pipe::Sender,
}

/// A process that waits for its next batch.
pub(super) struct Warm {
    pub(super) idle: Idle,
    pub(super) batches: Batches,
}

impl Batches {
    /// Makes the pipe at `place`.
    pub(super) fn open(place: &Path) -> io::Result<Self> {
        nix::unistd::mkfifo(place, Mode::S_IRUSR | Mode::S_IWUSR)?;
        // Held open for reading too, or it could not be opened before the process is there.
        let sender = pipe::OpenOptions::new().read_write(true).open_sender(place)?;
        Ok(Self { sender })
    }

    /// Sends the next batch: the file of its names.
    pub(super) async fn send(&mut self, tests: &Path) -> io::Result<()> {
        let mut line = PathBuf::from(tests).into_os_string().into_encoded_bytes();
        line.push(b'\n');
        self.sender.write_all(&line).await
    }
}

impl Warm {
    /// Ends the process: its pipe ends, and what it says to that goes to the log. One that does not end by itself is
    /// stopped.
    pub(super) async fn end(self, context: &RunnerContext) {
        let Self { idle, batches } = self;
        drop(batches);
        let mut running = idle.running;
        let last_words = async {
            while let Some(chunk) = running.output.recv().await {
                context.log.write(chunk.bytes).await;
            }
        };
        let _ = tokio::time::timeout(context.grace, last_words).await;
        running.stop();
        running.ended().await;
    }
}
