//! One command, watched from its start until nothing of it is left.
//!
//! The command leads a group in its keeper's session (see `keeper`), so that a signal reaches all of its group and no test
//! can read the agent's terminal. Its output goes through a bounded channel: a slow reader slows the process, never the
//! agent's memory. When it ends, by itself or because it must, whatever it left behind is ended too.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::environment::Environment;
use super::exit::Exit;
use super::keeper::{self, Reins};
use super::leftovers::Mark;
use super::lifeline::Lifeline;
use super::limits::{CHUNK_BYTES_MAX, CHUNKS_WAITING_MAX, DRAIN_SILENCE_MAX, GRACE_DEFAULT};
use super::services::Services;
use super::tether::{Orphans, Tether};
use super::traces::Traces;
use crate::isolation::confinement::Confinement;

/// What to start.
#[derive(Clone, Debug)]
pub struct Command {
    /// Program and arguments. A program without `/` is looked for in the `PATH` of `environment`.
    pub argv: Vec<OsString>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Its exact environment; one variable, [`MARK`], is added.
    pub environment: Environment,
    /// How long it may run; none: as long as its caller lets it.
    pub timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL when it has to stop.
    pub grace: Duration,
    /// Whether its two outputs are told apart.
    pub streams: Streams,
    /// What becomes of processes that it leaves behind when it ends by itself.
    pub leftovers: Leftovers,
    /// What ends it even when nobody here can: for work that is not safe to repeat.
    pub lifeline: Option<Lifeline>,
    /// What it is held to.
    pub confinement: Option<Arc<Confinement>>,
    /// Counts it until nothing of it can be left.
    pub traces: Traces,
}

/// Whether stdout and stderr are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// Both go through one pipe, in the exact order in which they were written; every chunk says `Stdout`.
    Merged,
    /// Each has its pipe; the order between them is not known.
    Separate,
}

/// What becomes of processes that outlive the command.
#[derive(Clone, Debug)]
pub enum Leftovers {
    /// They are ended with it.
    End,
    /// They live on among these, as a service that one step starts for the next; their output is no longer read. A command
    /// that was stopped leaves nothing behind either way.
    Keep(Services),
}

/// Where a chunk comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or both when they are merged.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Bytes that a process wrote, at most [`CHUNK_BYTES_MAX`].
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Where to.
    pub stream: Stream,
    /// The bytes.
    pub bytes: Bytes,
}

/// A started command. Dropping it stops the command.
#[derive(Debug)]
pub struct Running {
    /// What it writes, until it has ended and all is read. Read it to its end before waiting in [`Running::ended`]; a
    /// reader that is dropped instead has the rest thrown away.
    pub output: mpsc::Receiver<Chunk>,
    stop: CancellationToken,
    end: JoinHandle<Ended>,
}

/// A command that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// From start to end.
    pub duration: Duration,
    /// Processes of it that could not be ended, such as one in an uninterruptible wait.
    pub survivors: Vec<i32>,
}

/// A command could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such program.
    #[error("program `{program}` is not installed: it is neither a file nor found in PATH")]
    ProgramMissing {
        /// As it was asked for.
        program: String,
    },
    /// There is no such directory.
    #[error("working directory `{}` does not exist", .directory.display())]
    DirectoryMissing {
        /// As it was asked for.
        directory: PathBuf,
    },
    /// The system refused.
    #[error("cannot start `{program}`")]
    Refused {
        /// As it was asked for.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// Name of the variable that marks the processes of one command.
pub const MARK: &str = "MUSTER_PROCESS";

impl Command {
    /// A command without a time limit that ends its leftovers, with both outputs merged.
    #[must_use]
    pub fn new(argv: Vec<OsString>, directory: PathBuf, environment: Environment) -> Self {
        Self {
            argv,
            directory,
            environment,
            timeout: None,
            grace: GRACE_DEFAULT,
            streams: Streams::Merged,
            leftovers: Leftovers::End,
            lifeline: None,
            confinement: None,
            traces: Traces::default(),
        }
    }

    /// Starts it. It stops when `stop` is cancelled.
    ///
    /// # Errors
    /// If it cannot be started; then nothing of it is left.
    pub async fn start(self, stop: &CancellationToken) -> Result<Running, StartError> {
        if !self.directory.is_dir() {
            return Err(StartError::DirectoryMissing { directory: self.directory });
        }
        let program = self.argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mark = Mark::unique(MARK);
        let refused = |source| StartError::Refused { program: program.clone(), source };
        let (tether, pipes) = spawn(&self, &mark).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StartError::ProgramMissing { program: program.clone() },
            _ => refused(error),
        })?;
        let (sender, output) = mpsc::channel(CHUNKS_WAITING_MAX);
        let stop = stop.child_token();
        let watch = Watch { tether, stop: stop.clone() };
        let end = tokio::spawn(watch.run(self, pipes, sender));
        Ok(Running { output, stop, end })
    }
}

impl Running {
    /// Asks it to stop: SIGTERM to its group, then, after its grace, SIGKILL. Returns at once.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has ended and nothing of it is left.
    pub async fn ended(mut self) -> Ended {
        self.output.close();
        match (&mut self.end).await {
            Ok(ended) => ended,
            // Its watching task was dropped with the runtime, which ends the group; there is nobody left to be told.
            Err(_) => Ended { exit: Exit::Cancelled, duration: Duration::ZERO, survivors: Vec::new() },
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

type Pipes = Vec<(Stream, pipe::Receiver)>;

/// What one task knows of a running command.
#[derive(Debug)]
struct Watch {
    tether: Tether,
    stop: CancellationToken,
}

impl Watch {
    async fn run(mut self, command: Command, pipes: Pipes, output: mpsc::Sender<Chunk>) -> Ended {
        let started = Instant::now();
        let is_over = CancellationToken::new();
        let readers: Vec<_> = pipes
            .into_iter()
            .map(|(stream, pipe)| tokio::spawn(forward(pipe, stream, output.clone(), is_over.clone())))
            .collect();
        drop(output);
        let (exit, survivors) = match (self.wait_or_stop(&command).await, command.leftovers) {
            (Some(exit), Leftovers::Keep(services)) if exit.is_own() => {
                services.hold(self.tether);
                (exit, Vec::new())
            }
            (exit, Leftovers::Keep(_) | Leftovers::End) => {
                let end = self.tether.end().await;
                // Without a word from its keeper, that one was killed, which the command did not outlive.
                (exit.unwrap_or(end.keeper), end.survivors)
            }
        };
        let duration = started.elapsed();
        is_over.cancel();
        for reader in readers {
            if let Ok(Some(pipe)) = reader.await {
                tokio::spawn(discard(pipe));
            }
        }
        Ended { exit, duration, survivors }
    }

    /// Waits for its end, which may be asked for. None: its keeper was killed.
    async fn wait_or_stop(&mut self, command: &Command) -> Option<Exit> {
        let forced = tokio::select! {
            biased;
            status = self.tether.status() => return status.map(Exit::from),
            () = self.stop.cancelled() => Exit::Cancelled,
            limit = sleep_for(command.timeout) => Exit::TimedOut(limit),
        };
        self.tether.ask_to_end();
        // Whether in time or not: what is left of it is ended next.
        let _ = tokio::time::timeout(command.grace, self.tether.status()).await;
        Some(forced)
    }
}

async fn sleep_for(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

async fn spawn(command: &Command, mark: &Mark) -> io::Result<(Tether, Pipes)> {
    // A file that was written a moment ago is busy while any other thread, having forked, still holds it open.
    let mut tries = 0;
    let (child, prepared) = loop {
        let mut prepared = prepare(command, mark)?;
        let (back, result) = tokio::task::spawn_blocking(move || {
            let result = prepared.command.spawn();
            (prepared, result)
        })
        .await
        .map_err(io::Error::other)?;
        match result {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            other => break (other?, back),
        }
    };
    let pipes = prepared
        .readers
        .into_iter()
        .map(|(stream, fd)| Ok((stream, pipe::Receiver::from_owned_fd(fd)?)))
        .collect::<io::Result<_>>()?;
    let first = command.confinement.as_ref().and_then(|confinement| confinement.first_process());
    let orphans = first.map_or(Orphans::ToKeeper, Orphans::ToSandbox);
    Ok((Tether::new(child, prepared.reins, mark.clone(), command.traces.clone(), orphans)?, pipes))
}

/// What is made before a command is started.
struct Prepared {
    command: tokio::process::Command,
    readers: Vec<(Stream, OwnedFd)>,
    reins: Reins,
}

fn prepare(command: &Command, mark: &Mark) -> io::Result<Prepared> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let mut prepared = std::process::Command::new(program);
    let (name, value) = mark.variable();
    prepared.args(arguments).current_dir(&command.directory).env_clear();
    prepared.envs(&command.environment).env(name, value).stdin(Stdio::null());
    let (stdout, writer) = io::pipe()?;
    let mut readers = vec![(Stream::Stdout, stdout.into())];
    match command.streams {
        Streams::Merged => {
            prepared.stdout(writer.try_clone()?).stderr(writer);
        }
        Streams::Separate => {
            let (stderr, error_writer) = io::pipe()?;
            prepared.stdout(writer).stderr(error_writer);
            readers.push((Stream::Stderr, stderr.into()));
        }
    }
    let directory = CString::new(command.directory.as_os_str().as_bytes())?;
    let confined = command.confinement.clone().map(|confinement| (confinement, directory));
    let reins = keeper::interpose(&mut prepared, command.lifeline.clone(), confined)?;
    Ok(Prepared { command: prepared.into(), readers, reins })
}

/// Hands on what comes through `pipe` until its end, or until it falls silent after the process is over. In that case
/// somebody still holds its other end, and the pipe is returned.
async fn forward(
    mut pipe: pipe::Receiver,
    stream: Stream,
    output: mpsc::Sender<Chunk>,
    is_over: CancellationToken,
) -> Option<pipe::Receiver> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES_MAX);
        let mut limited = (&mut pipe).take(CHUNK_BYTES_MAX as u64);
        let read = if is_over.is_cancelled() {
            match tokio::time::timeout(DRAIN_SILENCE_MAX, limited.read_buf(&mut buffer)).await {
                Ok(read) => read,
                Err(_) => return Some(pipe),
            }
        } else {
            tokio::select! {
                read = limited.read_buf(&mut buffer) => read,
                () = is_over.cancelled() => continue,
            }
        };
        match read {
            Ok(0) | Err(_) => return None,
            // A reader that has gone away has the rest thrown away, so that the process is not stopped by it.
            Ok(_) => drop(output.send(Chunk { stream, bytes: buffer.split().freeze() }).await),
        }
    }
}

/// Keeps a service that lives on from being stopped by a full or closed pipe.
async fn discard(mut pipe: pipe::Receiver) {
    let mut buffer = vec![0; CHUNK_BYTES_MAX];
    while matches!(pipe.read(&mut buffer).await, Ok(read) if read > 0) {}
}

const BUSY_TRIES_MAX: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(10);
