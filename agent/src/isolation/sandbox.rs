//! The namespaces of one attempt.
//!
//! Two processes hold them, both forks of the agent that never become another program. The outer one makes them and hears
//! from the agent by a pipe; the inner one is the first process of the process namespace, makes the view (see `view`), and
//! is what every orphan of the attempt becomes a child of. When the pipe closes, because the attempt has ended or because
//! the agent is gone, the outer one kills the inner one, and with that the kernel ends every process in it at once.
//!
//! Where the agent is not root the namespaces belong to a user namespace in which nobody but the agent's own account
//! exists; commands have no capability in it.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::time::Duration;

use nix::libc;
use nix::unistd::{Gid, Pid, Uid};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Child;

use super::account::may_switch;
use super::confinement::Namespaces;
use super::level::SandboxNetwork;
use super::mounts::{SLOTS_MAX, Step};
use super::view::View;
use crate::attempt::keeper::close_from;
use crate::attempt::limits::KILL_WAIT_MAX;

/// A sandbox that stands. Dropping it ends everything in it.
#[derive(Debug)]
pub(crate) struct Sandbox {
    orders: OwnedFd,
    report: pipe::Receiver,
    child: Child,
}

/// A sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The view cannot be put together.
    #[error("cannot put together what the sandbox shows")]
    View(#[source] io::Error),
    /// Its processes cannot be started.
    #[error("cannot start the sandbox")]
    Start(#[source] io::Error),
    /// A step failed in it.
    #[error("cannot make the sandbox: to {step} failed")]
    Step {
        /// What was to be done.
        step: String,
        /// Why it could not be.
        source: io::Error,
    },
    /// Its processes ended while it was made.
    #[error("the sandbox was ended while it was made")]
    Gone,
}

/// What the holders are forked with.
#[derive(Debug)]
struct Plan {
    /// Texts for the maps of users and groups; none where the agent is root.
    maps: Option<(CString, CString)>,
    flags: libc::c_int,
    steps: Vec<Step>,
}

impl Sandbox {
    /// Makes one that shows `view`.
    pub(crate) async fn start(view: &View) -> Result<(Self, Namespaces), SandboxError> {
        let plan = Plan::of(view).map_err(SandboxError::View)?;
        let told: Vec<String> = plan.steps.iter().map(Step::told).collect();
        let (orders, orders_writer) = io::pipe().map_err(SandboxError::Start)?;
        let (report_reader, report) = io::pipe().map_err(SandboxError::Start)?;
        let (orders, report) = (OwnedFd::from(orders), OwnedFd::from(report));
        let has_users = plan.maps.is_some();
        let command = holder(plan, orders, report);
        let child = tokio::task::spawn_blocking(move || tokio::process::Command::from(command).spawn())
            .await
            .map_err(io::Error::other)
            .flatten()
            .map_err(SandboxError::Start)?;
        let report = pipe::Receiver::from_owned_fd(report_reader.into()).map_err(SandboxError::Start)?;
        let mut sandbox = Self { orders: orders_writer.into(), report, child };
        sandbox.stands(&told).await?;
        let namespaces = sandbox.namespaces(has_users, view.network).map_err(SandboxError::Start)?;
        Ok((sandbox, namespaces))
    }

    /// Ends everything in it, and returns whether it is gone: the kernel says so.
    pub(crate) async fn end(self) -> bool {
        let Self { orders, mut report, mut child } = self;
        drop(orders);
        let mut rest = Vec::new();
        let is_gone = tokio::time::timeout(KILL_WAIT_MAX, report.read_to_end(&mut rest)).await.is_ok();
        if !is_gone {
            tracing::error!("a sandbox cannot be ended: a process in it does not die");
        }
        // What has closed its pipe has nothing left to do but to be reaped.
        let _ = tokio::time::timeout(KILL_WAIT_MAX, child.wait()).await;
        is_gone
    }

    /// Waits for the inner one's word that all steps are done.
    async fn stands(&mut self, told: &[String]) -> Result<(), SandboxError> {
        let mut word = [0_u8; WORD_BYTES];
        let read = tokio::time::timeout(START_WAIT_MAX, self.report.read_exact(&mut word)).await;
        let Ok(Ok(_)) = read else { return Err(SandboxError::Gone) };
        let [step, error] = [0, 4].map(|at| word[at..].first_chunk().copied().map(i32::from_ne_bytes).unwrap_or(-1));
        if error == 0 {
            return Ok(());
        }
        let step = match usize::try_from(step) {
            Ok(place) => told.get(place).cloned().unwrap_or_default(),
            Err(_) => "make its namespaces".to_owned(),
        };
        Err(SandboxError::Step { step, source: io::Error::from_raw_os_error(error) })
    }

    fn namespaces(&self, has_users: bool, network: SandboxNetwork) -> io::Result<Namespaces> {
        let pid = self.child.id().ok_or_else(|| io::Error::other("its holder is gone"))?;
        let open = |name: &str| -> io::Result<OwnedFd> { Ok(File::open(format!("/proc/{pid}/ns/{name}"))?.into()) };
        let names: &[&str] = match network {
            SandboxNetwork::None => &["mnt", "ipc", "uts", "net"],
            SandboxNetwork::Host => &["mnt", "ipc", "uts"],
        };
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let first = children.trim().parse().map_err(|_| io::Error::other("its first process is gone"))?;
        Ok(Namespaces {
            first: Pid::from_raw(first),
            user: if has_users { Some(open("user")?) } else { None },
            processes: open("pid_for_children")?,
            others: names.iter().map(|name| open(name)).collect::<io::Result<_>>()?,
        })
    }
}

impl Plan {
    fn of(view: &View) -> io::Result<Self> {
        let line = |id: u32| CString::new(format!("{id} {id} 1\n"));
        let maps = if may_switch() {
            None
        } else {
            Some((line(Uid::effective().as_raw())?, line(Gid::effective().as_raw())?))
        };
        let network = if view.network == SandboxNetwork::None { libc::CLONE_NEWNET } else { 0 };
        let flags = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | network;
        Ok(Self { maps, flags, steps: view.steps()? })
    }

    /// The outer process. Only system calls.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn hold(&self, orders: libc::c_int, report: libc::c_int) -> ! {
        // SAFETY: these change this process alone, which has one thread; what they read lives for the calls.
        unsafe {
            libc::setsid();
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE] {
                libc::signal(signal, libc::SIG_IGN);
            }
            let [orders, report] = [orders, report].map(|fd| libc::fcntl(fd, libc::F_DUPFD, PLACES));
            libc::dup2(orders, ORDERS);
            libc::dup2(report, REPORT);
            libc::dup2(REPORT, UNUSED);
            close_from(PLACES);
            if let Err(error) = self.separate() {
                say(-1, &error);
                libc::_exit(1);
            }
            let inner = libc::fork();
            if inner == 0 {
                self.be_first();
            }
            let mut heard = libc::pollfd { fd: ORDERS, events: libc::POLLIN, revents: 0 };
            let mut ended = 0;
            while inner > 0 && heard.revents == 0 && ended == 0 {
                libc::poll(&raw mut heard, 1, LOOK_AGAIN_MS);
                ended = libc::waitpid(inner, std::ptr::null_mut(), libc::WNOHANG);
            }
            if inner > 0 && ended == 0 {
                libc::kill(inner, libc::SIGKILL);
                // The kernel lets this return when every process of the namespace is gone.
                libc::waitpid(inner, std::ptr::null_mut(), 0);
            }
            libc::_exit(0)
        }
    }

    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn separate(&self) -> io::Result<()> {
        // SAFETY: this process has one thread, and texts live for the calls.
        unsafe {
            if let Some((users, groups)) = &self.maps {
                check(libc::unshare(libc::CLONE_NEWUSER))?;
                write_file(c"/proc/self/setgroups", c"deny")?;
                write_file(c"/proc/self/uid_map", users)?;
                write_file(c"/proc/self/gid_map", groups)?;
            }
            check(libc::unshare(self.flags))
        }
    }

    /// The inner process.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn be_first(&self) -> ! {
        // SAFETY: as above; it has nothing but its own descriptors.
        unsafe {
            // It has a copy of the agent's memory, and jobs see it as process 1.
            libc::prctl(libc::PR_SET_DUMPABLE, 0);
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::umask(0o022);
            let mut slots = [-1; SLOTS_MAX];
            for (place, step) in self.steps.iter().enumerate() {
                if let Err(error) = step.run(&mut slots) {
                    say(i32::try_from(place).unwrap_or(i32::MAX), &error);
                    libc::_exit(1);
                }
            }
            say(0, &io::Error::from_raw_os_error(0));
            close_from(0);
            let mut children: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&raw mut children, libc::SIGCHLD);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const children, std::ptr::null_mut());
            loop {
                while libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) > 0 {}
                libc::sigwaitinfo(&raw const children, std::ptr::null_mut());
            }
        }
    }
}

#[allow(unsafe_code, reason = "only a child of its own can make namespaces without changing the agent's")]
fn holder(plan: Plan, orders: OwnedFd, report: OwnedFd) -> std::process::Command {
    let mut command = std::process::Command::new("/");
    command.env_clear();
    // SAFETY: the closure makes system calls only, and never returns.
    unsafe {
        command.pre_exec(move || plan.hold(orders.as_raw_fd(), report.as_raw_fd()));
    }
    command
}

/// Tells the agent which step failed with what; 0 and no error: none did.
#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn say(step: i32, error: &io::Error) {
    let word = [step, error.raw_os_error().unwrap_or(libc::EIO)];
    // SAFETY: the word lives for the call.
    unsafe { libc::write(REPORT, word.as_ptr().cast(), WORD_BYTES) };
}

#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn write_file(path: &std::ffi::CStr, text: &std::ffi::CStr) -> io::Result<()> {
    // SAFETY: both end with a zero.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(file)?;
        let written = libc::write(file, text.as_ptr().cast(), text.count_bytes());
        let error = io::Error::last_os_error();
        libc::close(file);
        if written < 0 { Err(error) } else { Ok(()) }
    }
}

fn check(outcome: libc::c_int) -> io::Result<()> {
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const ORDERS: libc::c_int = 0;
const REPORT: libc::c_int = 1;
/// Standard error: closed, the next file that is opened would get its number.
const UNUSED: libc::c_int = 2;
const PLACES: libc::c_int = 3;
const LOOK_AGAIN_MS: libc::c_int = 1_000;
const WORD_BYTES: usize = 8;
/// How long a sandbox may take to stand.
const START_WAIT_MAX: Duration = Duration::from_secs(30);
