//! The process between the agent and a command.
//!
//! A command's parent is never the agent, so a test that kills its parent kills its own keeper and nothing else. And
//! a keeper notices when the agent is gone, however it went: then it ends the command at once, long before the
//! coordinator gives the work to another agent. Work that is not safe to repeat is on a lifeline besides (see `lifeline`),
//! at whose end its keeper ends it although the agent is there, because that one has not done so.
//!
//! The keeper is a fork of the agent that never becomes another program. It leads a session in which the command leads a
//! process group. It lets go of everything that it has inherited, ignores what a group is asked to do politely, and is what
//! the kernel makes the parent of every process that loses its own (a subreaper). So it has children for as long as
//! anything of the command is alive, daemons that have left their session and wiped their environment included; it ends
//! all of them when it is let go, and itself only when none is left.
//!
//! Two pipes lead to it. A byte through the one has it ask the command's group to end, and its end has it end everything;
//! through the other it says with which status the command ended. What runs in it is limited to system calls, because it
//! comes from a process with several threads.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use nix::libc;

use super::lifeline::Lifeline;
use crate::isolation::confinement::Confinement;

/// The agent's ends of a keeper's pipes.
#[derive(Debug)]
pub(crate) struct Reins {
    /// A byte asks the command's group to end; when it closes, everything ends.
    pub(crate) orders: OwnedFd,
    /// Gives the command's wait status, [`STATUS_BYTES`] in this machine's order, and closes when nothing of it is left.
    pub(crate) report: OwnedFd,
}

/// Puts a keeper between this process and the command; one on a lifeline is ended where that ends, and one that is confined
/// begins in the given directory of its sandbox.
///
/// # Errors
/// If no pipe can be made.
#[allow(unsafe_code, reason = "only the child itself can fork again between fork and exec")]
pub(crate) fn interpose(
    command: &mut Command,
    lifeline: Option<Lifeline>,
    confined: Option<(Arc<Confinement>, CString)>,
) -> io::Result<Reins> {
    let (orders, orders_writer) = io::pipe()?;
    let (report_reader, report) = io::pipe()?;
    let (orders, report) = (OwnedFd::from(orders), OwnedFd::from(report));
    // SAFETY: the closure makes system calls only; it neither allocates nor touches locks of this process.
    unsafe {
        command.pre_exec(move || {
            if libc::setsid() < 0 || libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) < 0 {
                return Err(io::Error::last_os_error());
            }
            if let Some((confinement, _)) = &confined {
                confinement.open_for_child()?;
            }
            match libc::fork() {
                -1 => Err(io::Error::last_os_error()),
                0 => become_command(confined.as_ref()),
                child => {
                    let lifeline = lifeline.as_ref().map(Lifeline::descriptor);
                    Keeper::new(child, orders.as_raw_fd(), report.as_raw_fd(), lifeline).keep()
                }
            }
        });
    }
    Ok(Reins { orders: orders_writer.into(), report: report_reader.into() })
}

/// What the command does before it becomes its program.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn become_command(confined: Option<&(Arc<Confinement>, CString)>) -> io::Result<()> {
    // SAFETY: these change this process alone, whose only thread this is.
    unsafe {
        libc::setpgid(0, 0);
        if let Some((confinement, directory)) = confined {
            confinement.enter(directory)?;
        }
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // What the agent was started with, or a library of it has opened, is none of the command's business.
        libc::syscall(libc::SYS_close_range, FIRST_UNKNOWN, libc::c_uint::MAX, CLOSE_AT_EXEC);
    }
    Ok(())
}

/// The keeper's own state; its descriptors are at fixed places.
struct Keeper {
    command: libc::pid_t,
    is_command_alive: bool,
    is_on_lifeline: bool,
}

impl Keeper {
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn new(command: libc::pid_t, orders: RawFd, report: RawFd, lifeline: Option<RawFd>) -> Self {
        // SAFETY: system calls on descriptors and signals of this process alone; a signal set may be all zeros.
        unsafe {
            libc::setpgid(command, command);
            for signal in IGNORED {
                libc::signal(signal, libc::SIG_IGN);
            }
            let mut children: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&raw mut children, libc::SIGCHLD);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const children, std::ptr::null_mut());
            // First out of the way of the places that they are to take.
            let [orders, report, lifeline] =
                [orders, report, lifeline.unwrap_or(-1)].map(|fd| libc::fcntl(fd, libc::F_DUPFD, PLACES));
            let ended = libc::signalfd(-1, &raw const children, libc::SFD_NONBLOCK);
            libc::dup2(ended, ENDED);
            libc::dup2(orders, ORDERS);
            libc::dup2(report, REPORT);
            libc::dup2(lifeline, LIFELINE);
            close_from(PLACES);
        }
        Self { command, is_command_alive: true, is_on_lifeline: lifeline.is_some() }
    }

    /// Until nothing is left.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    fn keep(mut self) -> ! {
        let watched = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut both = [watched(ORDERS), watched(ENDED)];
        loop {
            self.reap();
            // SAFETY: it reads the clock and a descriptor of this process.
            let wait_ms = if self.is_on_lifeline { unsafe { lifeline_left_ms() } } else { LOOK_AGAIN_MS as _ };
            if wait_ms == 0 {
                self.end_all();
            }
            // SAFETY: the array lives for the whole call.
            unsafe { libc::poll(both.as_mut_ptr(), both.len() as libc::nfds_t, wait_ms) };
            self.forget_signals();
            if both[0].revents != 0 {
                self.obey();
            }
        }
    }

    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    fn obey(&mut self) {
        let mut letter = 0_u8;
        // SAFETY: one byte is written to, and it is there.
        match unsafe { libc::read(ORDERS, (&raw mut letter).cast(), 1) } {
            1 => {
                self.signal_group(libc::SIGTERM);
                self.signal_group(libc::SIGCONT);
            }
            0 => self.end_all(),
            _ => {}
        }
    }

    /// The group's number is its own for as long as its leader is not reaped, which only this process does.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    fn signal_group(&self, signal: libc::c_int) {
        if self.is_command_alive {
            // SAFETY: it signals a group whose leader is this process's child.
            unsafe { libc::kill(-self.command, signal) };
        }
    }

    /// Ends this process when it has no child left.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    fn reap(&mut self) {
        loop {
            let mut status: libc::c_int = 0;
            // SAFETY: the status is written to, and it is there.
            let ended = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
            if ended == self.command {
                self.is_command_alive = false;
                // SAFETY: so many bytes are there.
                unsafe { libc::write(REPORT, (&raw const status).cast(), STATUS_BYTES) };
            }
            if ended == 0 {
                return;
            }
            // SAFETY: the number of the last error is this thread's own; the other call ends this process.
            if ended < 0 && unsafe { *libc::__errno_location() } != libc::EINTR {
                unsafe { libc::_exit(0) };
            }
        }
    }

    /// Ends its children. Theirs become its own, so it does that until there is none.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    fn end_all(&mut self) -> ! {
        loop {
            self.signal_group(libc::SIGKILL);
            // SAFETY: it signals children of this process, which nobody else reaps.
            unsafe { for_each_child(|child| libc::kill(child, libc::SIGKILL)) };
            let mut ended = libc::pollfd { fd: ENDED, events: libc::POLLIN, revents: 0 };
            // SAFETY: the value lives for the whole call.
            unsafe { libc::poll(&raw mut ended, 1, END_AGAIN_MS) };
            self.forget_signals();
            self.reap();
        }
    }

    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    fn forget_signals(&self) {
        let mut signals = [0_u8; 1_024];
        // SAFETY: it writes within the array.
        while unsafe { libc::read(ENDED, signals.as_mut_ptr().cast(), signals.len()) } > 0 {}
    }
}

/// Calls `with` for every child of this process, as the kernel lists them.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn for_each_child(with: impl Fn(libc::pid_t) -> libc::c_int) {
    // SAFETY: the path ends with a zero, and reads stay within the array.
    unsafe {
        let list = libc::open(c"/proc/thread-self/children".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let mut bytes = [0_u8; 4_096];
        let mut number: libc::pid_t = 0;
        loop {
            let read = libc::read(list, bytes.as_mut_ptr().cast(), bytes.len());
            let Ok(read @ 1..) = usize::try_from(read) else { break };
            for byte in bytes.iter().take(read) {
                match byte {
                    b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(libc::pid_t::from(byte - b'0')),
                    _ if number > 0 => {
                        with(std::mem::take(&mut number));
                    }
                    _ => {}
                }
            }
        }
        libc::close(list);
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
pub(crate) unsafe fn close_from(first: RawFd) {
    // SAFETY: nothing in this process uses a descriptor from there on any more.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) != 0 {
            for fd in first..DESCRIPTORS_MAX {
                libc::close(fd);
            }
        }
    }
}

/// Bytes of a wait status.
pub(crate) const STATUS_BYTES: usize = size_of::<libc::c_int>();
/// What asks the group to end is for the command to obey.
const IGNORED: [libc::c_int; 6] =
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE, libc::SIGALRM];
const ORDERS: RawFd = 0;
const REPORT: RawFd = 1;
const LIFELINE: RawFd = 2;
const ENDED: RawFd = 3;
const PLACES: RawFd = 4;
/// The first descriptor that is neither input nor output.
const FIRST_UNKNOWN: libc::c_uint = 3;
/// `CLOSE_RANGE_CLOEXEC`: the standard library still has a pipe open by which it tells of a failed start.
const CLOSE_AT_EXEC: libc::c_uint = 4;
const LOOK_AGAIN_MS: u64 = 1_000;
/// How long what was killed may take to show before the rest is looked for.
const END_AGAIN_MS: libc::c_int = 5;
/// Where the system cannot close a range: how far single ones are closed.
const DESCRIPTORS_MAX: RawFd = 65_536;
