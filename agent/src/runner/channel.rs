//! A pipe of its own by which a runner reports, beside its output.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::BytesMut;
use nix::sys::stat::Mode;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::attempt::limits::CHUNK_BYTES_MAX;

/// The reading end of a named pipe.
#[derive(Debug)]
pub(crate) struct Channel {
    reader: pipe::Receiver,
    /// Keeps the pipe from having an end before the runner has opened it, and between its processes.
    writer: Option<pipe::Sender>,
}

impl Channel {
    /// Makes the pipe at `place`.
    pub(crate) fn open(place: &Path) -> io::Result<Self> {
        nix::unistd::mkfifo(place, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let reader = pipe::OpenOptions::new().open_receiver(place)?;
        let writer = Some(pipe::OpenOptions::new().open_sender(place)?);
        Ok(Self { reader, writer })
    }

    /// Waits for bytes; none once the pipe has ended. Nothing is lost when it is dropped while it waits.
    pub(crate) async fn read(&mut self) -> io::Result<BytesMut> {
        let mut bytes = BytesMut::with_capacity(CHUNK_BYTES_MAX);
        self.reader.read_buf(&mut bytes).await?;
        Ok(bytes)
    }

    /// What is in the pipe already; none when it has been silent for `silence`.
    pub(crate) async fn read_waiting(&mut self, silence: Duration) -> io::Result<BytesMut> {
        match tokio::time::timeout(silence, self.read()).await {
            Ok(read) => read,
            Err(_) => Ok(BytesMut::new()),
        }
    }

    /// The runner has ended: from here on the pipe ends when nobody else holds it.
    pub(crate) fn close(&mut self) {
        self.writer = None;
    }
}
