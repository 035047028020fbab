//! The process between the agent and a command.
//!
//! A command's parent is never the agent, so a test that kills its parent kills its own keeper and nothing else. And
//! a keeper notices when the agent is gone, however it went: then it ends the command's whole group at once, long before
//! the coordinator gives the work to another agent. Work that is not safe to repeat is on a lifeline besides (see
//! `lifeline`), at whose end its keeper ends it although the agent is there, because that one has not done so.
//!
//! The keeper is a fork of the agent that never becomes another program. It leads the command's session and group, lets go
//! of everything that it has inherited, ignores what the group is asked to do politely, waits for the command, and ends as
//! the command ended: with its exit status, or by its signal. What runs in it is limited to system calls, because it comes
//! from a process with several threads.
//!
//! Whatever the command starts and leaves behind becomes the keeper's child, a daemon that forked twice too. So when the
//! command has ended and the keeper has no child, nothing is left, and it says so: nobody needs to search the process
//! table then, which on a machine with thousands of processes takes longer than a short test.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use nix::fcntl::OFlag;
use nix::libc;

use super::lifeline::Lifeline;

/// The keeper's word that nothing of its command is left.
#[derive(Debug)]
pub(crate) struct CleanEnd(File);

impl CleanEnd {
    /// Whether it has been said. To be asked once the keeper has ended.
    pub(crate) fn heard(mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(1))
    }
}

/// Puts a keeper between this process and the command; one on a lifeline is ended where that ends.
///
/// # Errors
/// If no pipe can be made.
#[allow(unsafe_code, reason = "only the child itself can fork again between fork and exec")]
pub(crate) fn interpose(command: &mut Command, lifeline: Option<Lifeline>) -> io::Result<CleanEnd> {
    let agent = agent_pipe()?;
    let (reader, report) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    // SAFETY: the closure makes system calls only; it neither allocates nor touches locks of this process.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            let adopts = libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) == 0;
            let report = adopts.then(|| report.as_raw_fd());
            match libc::fork() {
                -1 => Err(io::Error::last_os_error()),
                0 => Ok(()),
                child => keep(child, agent, report, lifeline.as_ref().map(Lifeline::descriptor)),
            }
        });
    }
    Ok(CleanEnd(File::from(reader)))
}

/// The reading end of a pipe whose writing end closes when this process is gone.
fn agent_pipe() -> io::Result<RawFd> {
    static PIPE: OnceLock<(OwnedFd, OwnedFd)> = OnceLock::new();
    if let Some((reader, _)) = PIPE.get() {
        return Ok(reader.as_raw_fd());
    }
    let (reader, writer) = io::pipe()?;
    Ok(PIPE.get_or_init(|| (reader.into(), writer.into())).0.as_raw_fd())
}

/// Waits for the command and ends as it ended; ends it when the agent is gone.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
fn keep(child: libc::pid_t, agent: RawFd, report: Option<RawFd>, lifeline: Option<RawFd>) -> ! {
    // SAFETY: system calls on descriptors and processes of this process alone.
    unsafe {
        for signal in IGNORED {
            libc::signal(signal, libc::SIG_IGN);
        }
        let children = children_signals();
        libc::dup2(agent, AGENT);
        libc::dup2(children, CHILDREN);
        match lifeline {
            Some(lifeline) => libc::dup2(lifeline, LIFELINE),
            None => libc::close(LIFELINE),
        };
        // The last: it may take the number of one of the others.
        match report {
            Some(report) => libc::dup2(report, REPORT),
            None => libc::close(REPORT),
        };
        close_the_rest();
        let mut status = 0;
        if children < 0 {
            while libc::waitpid(child, &raw mut status, 0) < 0 && *libc::__errno_location() == libc::EINTR {}
            end_as(status)
        }
        watch(child, &mut status, lifeline.is_some());
        if reap(child, &mut status).is_none_left {
            libc::write(REPORT, [1_u8].as_ptr().cast(), 1);
        }
        end_as(status)
    }
}

/// A descriptor that can be read when a child has ended; negative: there is none.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn children_signals() -> RawFd {
    // SAFETY: a signal set may be all zeros; the calls change this process alone.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        // What the agent does on this signal is nothing for the keeper, and the default discards none that is blocked.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    }
}

/// Returns when the command has ended, with its status. When the agent is gone, or the lifeline ends, the whole group
/// ends, and this process with it.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn watch(child: libc::pid_t, status: &mut libc::c_int, is_on_lifeline: bool) {
    let watched = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut both = [watched(AGENT), watched(CHILDREN)];
    // SAFETY: system calls on descriptors and processes of this process alone.
    unsafe {
        // The first look is for a command that had ended before its signal could be read.
        while !reap(child, status).has_ended {
            let wait_ms = if is_on_lifeline { lifeline_left_ms() } else { -1 };
            if libc::poll(both.as_mut_ptr(), both.len() as libc::nfds_t, wait_ms) < 0 {
                continue;
            }
            let mut read = [0_u8; size_of::<libc::signalfd_siginfo>()];
            while libc::read(CHILDREN, read.as_mut_ptr().cast(), read.len()) > 0 {}
            if both[1].revents == 0 && (both[0].revents != 0 || wait_ms == 0) {
                libc::kill(0, libc::SIGKILL);
            }
        }
    }
}

/// What children there are.
struct Reaped {
    /// Whether the command was among those that had ended.
    has_ended: bool,
    /// Whether there is no child any more, living or dead.
    is_none_left: bool,
}

/// Reaps every child that has ended: the command, whose status is noted, and what it has left behind.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn reap(command: libc::pid_t, status: &mut libc::c_int) -> Reaped {
    let mut has_ended = false;
    loop {
        let mut found = 0;
        // SAFETY: system calls on processes of this process alone.
        let (child, error) = unsafe {
            let child = libc::waitpid(-1, &raw mut found, libc::WNOHANG);
            (child, *libc::__errno_location())
        };
        if child == command {
            (has_ended, *status) = (true, found);
        } else if child == 0 || (child < 0 && error != libc::EINTR) {
            return Reaped { has_ended, is_none_left: child < 0 && error == libc::ECHILD };
        }
    }
}

/// How long to wait before the lifeline is looked at again; 0: it has ended. Bounded, because the lifeline's clock goes on
/// while the machine sleeps and that of `poll` does not.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn lifeline_left_ms() -> libc::c_int {
    let mut until = [0_u8; 8];
    // SAFETY: a timespec may be all zeros.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: both are written to within their bounds.
    unsafe {
        libc::pread(LIFELINE, until.as_mut_ptr().cast(), until.len(), 0);
        libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now);
    }
    let now_micros = (now.tv_sec as u64) * 1_000_000 + (now.tv_nsec as u64) / 1_000;
    let left_micros = u64::from_ne_bytes(until).saturating_sub(now_micros);
    left_micros.div_ceil(1_000).min(LOOK_AGAIN_MS) as libc::c_int
}

/// Else pipes that others wait on would stay open for as long as the command runs.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn close_the_rest() {
    // SAFETY: nothing in this process uses a descriptor above these any more.
    unsafe {
        if libc::syscall(libc::SYS_close_range, REPORT + 1, libc::c_uint::MAX, 0) != 0 {
            for fd in REPORT + 1..DESCRIPTORS_MAX {
                libc::close(fd);
            }
        }
    }
}

#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn end_as(status: libc::c_int) -> ! {
    // SAFETY: it changes and ends this process alone.
    unsafe {
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const no_core);
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
        }
        libc::_exit(libc::WEXITSTATUS(status))
    }
}

/// What asks the group to end is for the command to obey.
const IGNORED: [libc::c_int; 6] =
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE, libc::SIGALRM];
const AGENT: RawFd = 0;
const CHILDREN: RawFd = 1;
const LIFELINE: RawFd = 2;
const REPORT: RawFd = 3;
const LOOK_AGAIN_MS: u64 = 1_000;
/// Where the system cannot close a range: how far single ones are closed.
const DESCRIPTORS_MAX: RawFd = 65_536;
