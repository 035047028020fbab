//! Runs a process and stops it at every system call.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::call::{Call, Files};
use crate::event::Log;
use crate::memory::Process;

/// How long a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until it ends by itself, or is killed by others.
    End,
    /// Until so many events of its own have been recorded; then it is killed between two system calls.
    Events(usize),
    /// Until something is renamed, after so many events; then it is killed before it can make the new name durable.
    Rename(usize),
}

/// How a recorded process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Killed(Signal),
}

/// A process under observation.
pub(crate) struct Tracer<'a> {
    files: &'a mut Files,
    log: Log,
    main: Pid,
    process: Process,
    /// Calls that have begun and not ended, by thread.
    calls: HashMap<Pid, Call>,
    /// Counted from the beginning of the recording.
    until: Until,
    is_killed: bool,
}

impl<'a> Tracer<'a> {
    /// Starts a command under observation. Its standard output becomes notes.
    pub(crate) fn start(files: &'a mut Files, log: Log, command: &Command, until: Until) -> Result<Self> {
        // It stops itself until it is observed, so that nothing of it is missed.
        let mut stopped = Command::new("sh");
        stopped.args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => stopped.env(name, value),
                None => stopped.env_remove(name),
            };
        }
        stopped.stdin(Stdio::null()).stdout(Stdio::null());
        let child = stopped.spawn().context("cannot start a process to be recorded")?;
        let main = Pid::from_raw(i32::try_from(child.id())?);
        let status = waitpid(main, Some(WaitPidFlag::WUNTRACED))?;
        if !matches!(status, WaitStatus::Stopped(_, Signal::SIGSTOP)) {
            bail!("a process to be recorded ended before it began: {status:?}");
        }
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(main, options).context("this machine does not let us observe a process (ptrace)")?;
        let until = match until {
            Until::End => Until::End,
            Until::Events(count) => Until::Events(log.len() + count),
            Until::Rename(count) => Until::Rename(log.len() + count),
        };
        let process = Process::open(main.as_raw())?;
        Ok(Self { files, log, main, process, calls: HashMap::new(), until, is_killed: false })
    }

    /// Goes along with it to its end.
    pub(crate) fn run(mut self) -> Result<Ended> {
        let ended = self.follow();
        if ended.is_err() {
            // It may have ended by itself.
            let _ = kill(self.main, Signal::SIGKILL);
            while matches!(wait(), Ok(status) if ended_as(status, self.main).is_none()) {}
        }
        self.files.end();
        ended
    }

    fn follow(&mut self) -> Result<Ended> {
        loop {
            let status = wait()?;
            if let Some(ended) = ended_as(status, self.main) {
                return Ok(ended);
            }
            let (thread, signal) = match status {
                WaitStatus::PtraceSyscall(thread) => {
                    if !self.is_killed {
                        self.system_call(thread)?;
                    }
                    (thread, None)
                }
                WaitStatus::PtraceEvent(thread, _, event) => {
                    if event == libc::PTRACE_EVENT_EXEC {
                        self.process = Process::open(self.main.as_raw())?;
                    }
                    (thread, None)
                }
                WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
                WaitStatus::Exited(..)
                | WaitStatus::Signaled(..)
                | WaitStatus::Continued(_)
                | WaitStatus::StillAlive => continue,
            };
            if self.is_due() {
                kill(self.main, Signal::SIGKILL)?;
                self.is_killed = true;
            }
            // A killed thread is not let go on: a call that it was about to make must not be made.
            if !self.is_killed {
                match ptrace::syscall(thread, signal) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
    }

    /// It is to be killed, and no call is under way of which the outcome would remain unknown.
    fn is_due(&self) -> bool {
        let is_time = match self.until {
            Until::End => false,
            Until::Events(count) => self.log.len() >= count,
            Until::Rename(count) => self.log.len() >= count && self.log.ends_with_rename(),
        };
        is_time && !self.is_killed && self.calls.is_empty()
    }

    fn system_call(&mut self, thread: Pid) -> Result<()> {
        match stop(thread)? {
            Stop::Entry { number, arguments } => {
                if let Some(call) = self.files.begin(&self.process, number, arguments)? {
                    self.calls.insert(thread, call);
                }
            }
            Stop::Exit { result } => {
                if let Some(call) = self.calls.remove(&thread) {
                    self.files.finish(&self.process, &call, result)?;
                }
            }
            Stop::Other => {}
        }
        Ok(())
    }
}

enum Stop {
    Entry { number: u64, arguments: [u64; 6] },
    Exit { result: i64 },
    Other,
}

fn stop(thread: Pid) -> Result<Stop> {
    let info = match ptrace::syscall_info(thread) {
        Ok(info) => info,
        // It was killed by others in the meantime.
        Err(Errno::ESRCH) => return Ok(Stop::Other),
        Err(errno) => return Err(errno.into()),
    };
    #[expect(unsafe_code, reason = "the kernel says in `op` which part of the union it has filled")]
    let stop = match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            let entry = unsafe { info.u.entry };
            Stop::Entry { number: entry.nr, arguments: entry.args }
        }
        libc::PTRACE_SYSCALL_INFO_EXIT => Stop::Exit { result: unsafe { info.u.exit }.sval },
        _ => Stop::Other,
    };
    Ok(stop)
}

/// Waits for whatever this thread observes, and for nothing that other threads have started.
fn wait() -> Result<WaitStatus> {
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("the recorded process is gone"),
            Ok(status) => return Ok(status),
        }
    }
}

/// How the whole process ended, if it has.
fn ended_as(status: WaitStatus, main: Pid) -> Option<Ended> {
    match status {
        WaitStatus::Exited(id, status) if id == main => Some(Ended::Exited(status)),
        WaitStatus::Signaled(id, signal, _) if id == main => Some(Ended::Killed(signal)),
        WaitStatus::Exited(..)
        | WaitStatus::Signaled(..)
        | WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => None,
    }
}
