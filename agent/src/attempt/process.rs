//! One command, watched from its start until nothing of it is left.
//!
//! The command runs in its own session, so that a signal reaches all of its group and no test can read the agent's
//! terminal; its parent is a keeper (see `keeper`), never the agent. Its output goes through a bounded channel: a slow
//! reader slows the process, never the agent's memory.
//! When it ends, by itself or because it must, whatever it left behind is ended too (see [`super::leftovers`]), unless its
//! keeper says that there is nothing, and only then is its leader reaped, so that its process group's number cannot
//! meanwhile belong to somebody else.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use nix::errno::Errno;
use nix::sys::signal::{Signal as NixSignal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::environment::Environment;
use super::exit::Exit;
use super::keeper::{self, CleanEnd};
use super::leftovers::{self, Mark, Sweep, Traces};
use super::lifeline::Lifeline;
use super::limits::{CHUNK_BYTES_MAX, CHUNKS_WAITING_MAX, DRAIN_SILENCE_MAX, GRACE_DEFAULT};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftovers {
    /// They are ended with it.
    End,
    /// They live on, as a service that one step starts for the next; their output is no longer read. Whoever chose this
    /// sweeps the attempt's own mark at its end. A command that was stopped leaves nothing behind either way.
    Keep,
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
    pid: i32,
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
        let child_ended = signal(SignalKind::child()).map_err(refused)?;
        let Spawned { child, pipes, clean_end } = spawn(&self, &mark).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StartError::ProgramMissing { program: program.clone() },
            _ => refused(error),
        })?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(|| refused(Errno::ESRCH.into()))?;
        let (sender, output) = mpsc::channel(CHUNKS_WAITING_MAX);
        let stop = stop.child_token();
        self.traces.made();
        let group = Group(Pid::from_raw(pid));
        let watch = Watch { child, group, clean_end, child_ended, mark, stop: stop.clone() };
        let end = tokio::spawn(watch.run(self, pipes, sender));
        Ok(Running { output, pid, stop, end })
    }
}

impl Running {
    /// Asks it to stop: SIGTERM to its group, then, after its grace, SIGKILL. Returns at once.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Its keeper's process id, which is also that of its group.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid
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

/// A process group that is ended when its watcher goes away, however that happens.
#[derive(Debug)]
struct Group(Pid);

impl Group {
    fn send(&self, signal: NixSignal) {
        // The group may be gone already, which is what is wanted.
        let _ = killpg(self.0, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.send(NixSignal::SIGKILL);
    }
}

/// What one task knows of a running command.
#[derive(Debug)]
struct Watch {
    // Dropped before `child`, which is reaped only then: until that moment the group's number is still its own.
    group: Group,
    child: Child,
    clean_end: CleanEnd,
    child_ended: Signal,
    mark: Mark,
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
        let forced = self.wait_or_stop(&command).await;
        let is_clean = self.clean_end.heard();
        if is_clean {
            command.traces.gone();
        }
        let survivors = match (forced, command.leftovers) {
            _ if is_clean => Vec::new(),
            (None, Leftovers::Keep) => Vec::new(),
            (Some(_), _) | (None, Leftovers::End) => {
                leftovers::end(Sweep { mark: self.mark.clone(), group: Some(self.group.0) }).await
            }
        };
        let status = tokio::time::timeout(KILL_WAIT_MAX, self.child.wait()).await;
        std::mem::forget(self.group);
        let duration = started.elapsed();
        is_over.cancel();
        for reader in readers {
            if let Ok(Some(pipe)) = reader.await {
                tokio::spawn(discard(pipe));
            }
        }
        let exit = match (forced, status) {
            (Some(exit), _) => exit,
            (None, Ok(Ok(status))) => status.into(),
            (None, Ok(Err(_)) | Err(_)) => Exit::Status(-1),
        };
        Ended { exit, duration, survivors }
    }

    /// Waits for its end without reaping it. Returns how it was ended if it did not end by itself.
    async fn wait_or_stop(&mut self, command: &Command) -> Option<Exit> {
        let pid = self.group.0;
        let forced = tokio::select! {
            biased;
            () = has_ended(pid, &mut self.child_ended) => return None,
            () = self.stop.cancelled() => Exit::Cancelled,
            limit = sleep_for(command.timeout) => Exit::TimedOut(limit),
        };
        self.group.send(NixSignal::SIGTERM);
        self.group.send(NixSignal::SIGCONT);
        if tokio::time::timeout(command.grace, has_ended(pid, &mut self.child_ended)).await.is_err() {
            self.group.send(NixSignal::SIGKILL);
            let _ = tokio::time::timeout(KILL_WAIT_MAX, has_ended(pid, &mut self.child_ended)).await;
        }
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

/// Waits until the process has ended, and leaves it unreaped.
async fn has_ended(pid: Pid, child_ended: &mut Signal) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(WaitStatus::StillAlive) = waitid(Id::Pid(pid), flags) {
        // Signals of several children may arrive as one, and one may arrive before this listens.
        let _ = tokio::time::timeout(LOOK_AGAIN, child_ended.recv()).await;
    }
}

/// A command that has just been started.
struct Spawned {
    child: Child,
    pipes: Pipes,
    clean_end: CleanEnd,
}

async fn spawn(command: &Command, mark: &Mark) -> io::Result<Spawned> {
    // A file that was written a moment ago is busy while any other thread, having forked, still holds it open.
    let mut tries = 0;
    let (child, readers, clean_end) = loop {
        let Prepared { mut command, readers, clean_end } = prepare(command, mark)?;
        match tokio::task::spawn_blocking(move || command.spawn()).await.map_err(io::Error::other)? {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            other => break (other?, readers, clean_end),
        }
    };
    let pipes = readers
        .into_iter()
        .map(|(stream, fd)| Ok((stream, pipe::Receiver::from_owned_fd(fd)?)))
        .collect::<io::Result<_>>()?;
    Ok(Spawned { child, pipes, clean_end })
}

/// A command that can be started once, and the reading ends of its pipes.
struct Prepared {
    command: tokio::process::Command,
    readers: Vec<(Stream, OwnedFd)>,
    clean_end: CleanEnd,
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
    let clean_end = keeper::interpose(&mut prepared, command.lifeline.clone())?;
    Ok(Prepared { command: prepared.into(), readers, clean_end })
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

/// How long the system may take to end a process that was sent SIGKILL before it is given up as a survivor.
const KILL_WAIT_MAX: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const BUSY_TRIES_MAX: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(10);
