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

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use nix::libc;

use super::lifeline::Lifeline;

/// Puts a keeper between this process and the command; one on a lifeline is ended where that ends.
///
/// # Errors
/// If no pipe can be made.
#[allow(unsafe_code, reason = "only the child itself can fork again between fork and exec")]
pub(crate) fn interpose(command: &mut Command, lifeline: Option<Lifeline>) -> io::Result<()> {
    let agent = agent_pipe()?;
    // SAFETY: the closure makes system calls only; it neither allocates nor touches locks of this process.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            match libc::fork() {
                -1 => Err(io::Error::last_os_error()),
                0 => Ok(()),
                child => keep(child, agent, lifeline.as_ref().map(Lifeline::descriptor)),
            }
        });
    }
    Ok(())
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
fn keep(child: libc::pid_t, agent: RawFd, lifeline: Option<RawFd>) -> ! {
    // SAFETY: system calls on descriptors and processes of this process alone.
    unsafe {
        for signal in IGNORED {
            libc::signal(signal, libc::SIG_IGN);
        }
        // The number of a system call fits its return type, and so does a descriptor.
        let command = libc::syscall(libc::SYS_pidfd_open, child, 0) as RawFd;
        libc::dup2(agent, AGENT);
        libc::dup2(command, COMMAND);
        match lifeline {
            Some(lifeline) => libc::dup2(lifeline, LIFELINE),
            None => libc::close(LIFELINE),
        };
        close_the_rest();
        if command >= 0 {
            watch(lifeline.is_some());
        }
        let mut status = 0;
        while libc::waitpid(child, &raw mut status, 0) < 0 && *libc::__errno_location() == libc::EINTR {}
        end_as(status)
    }
}

/// Returns when the command has ended. When the agent is gone, or the lifeline ends, the whole group ends, and this
/// process with it.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn watch(is_on_lifeline: bool) {
    let watched = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut both = [watched(AGENT), watched(COMMAND)];
    loop {
        // SAFETY: it reads the clock and a descriptor of this process.
        let wait_ms = if is_on_lifeline { unsafe { lifeline_left_ms() } } else { -1 };
        // SAFETY: the array lives for the whole call.
        if unsafe { libc::poll(both.as_mut_ptr(), both.len() as libc::nfds_t, wait_ms) } < 0 {
            continue;
        }
        if both[1].revents != 0 {
            return;
        }
        if both[0].revents != 0 || wait_ms == 0 {
            // SAFETY: it signals the group that this process leads.
            unsafe { libc::kill(0, libc::SIGKILL) };
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
        if libc::syscall(libc::SYS_close_range, LIFELINE + 1, libc::c_uint::MAX, 0) != 0 {
            for fd in LIFELINE + 1..DESCRIPTORS_MAX {
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
const COMMAND: RawFd = 1;
const LIFELINE: RawFd = 2;
const LOOK_AGAIN_MS: u64 = 1_000;
/// Where the system cannot close a range: how far single ones are closed.
const DESCRIPTORS_MAX: RawFd = 65_536;
