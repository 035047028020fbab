//! What a command gives up before it becomes its program.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::unistd::Pid;

use super::account::Account;
use super::landlock::Ruleset;

/// What the commands of one attempt are held to. Made before they are started; they only carry it out.
#[derive(Debug, Default)]
pub struct Confinement {
    /// The sandbox's namespaces.
    pub(crate) namespaces: Option<Namespaces>,
    /// As whom they run, where the agent may choose.
    pub(crate) account: Option<Account>,
    pub(crate) ruleset: Option<Ruleset>,
    /// Empty: every system call.
    pub(crate) filter: Vec<libc::sock_filter>,
    /// Processes that the account has at one time.
    pub(crate) processes_max: Option<u64>,
}

/// Where the commands of a sandbox live.
#[derive(Debug)]
pub(crate) struct Namespaces {
    /// Their first process, as the agent sees it.
    pub(crate) first: Pid,
    /// Of an agent that is not root: what lets it into the others.
    pub(crate) user: Option<OwnedFd>,
    /// For the children of who joins it.
    pub(crate) processes: OwnedFd,
    /// Mounts, and the rest.
    pub(crate) others: Vec<OwnedFd>,
}

impl Confinement {
    /// The first process of the sandbox that commands live in.
    pub(crate) fn first_process(&self) -> Option<Pid> {
        self.namespaces.as_ref().map(|namespaces| namespaces.first)
    }

    /// What the keeper does before it forks, so that the command begins in its own process namespace. Only system calls.
    ///
    /// # Safety
    /// Between a fork and the next program.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    pub(crate) unsafe fn open_for_child(&self) -> io::Result<()> {
        let Some(namespaces) = &self.namespaces else { return Ok(()) };
        // SAFETY: descriptors of this process, which has one thread.
        unsafe {
            if let Some(user) = &namespaces.user {
                check(libc::setns(user.as_raw_fd(), libc::CLONE_NEWUSER))?;
            }
            check(libc::setns(namespaces.processes.as_raw_fd(), libc::CLONE_NEWPID))
        }
    }

    /// What the command does before it becomes its program. Only system calls.
    ///
    /// # Safety
    /// Between a fork and the next program.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    pub(crate) unsafe fn enter(&self, directory: &CString) -> io::Result<()> {
        // SAFETY: these change this process alone; what they read lives for the calls.
        unsafe {
            // Until it is another program it has a copy of the agent's memory.
            check(libc::prctl(libc::PR_SET_DUMPABLE, 0))?;
            if let Some(namespaces) = &self.namespaces {
                for namespace in &namespaces.others {
                    check(libc::setns(namespace.as_raw_fd(), 0))?;
                }
                check(libc::chdir(directory.as_ptr()))?;
                // Who may use the agent's keys may sign as the agent.
                libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>());
            }
            self.limit()?;
            if self.namespaces.is_some() || self.account.is_some() {
                self.give_up_capabilities()?;
            }
            check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            if let Some(ruleset) = &self.ruleset {
                ruleset.restrict()?;
            }
            self.install_filter()
        }
    }

    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn limit(&self) -> io::Result<()> {
        let Some(most) = self.processes_max else { return Ok(()) };
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the limit lives for the call.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &raw const limit) })
    }

    /// All of them, those that a program could be given again included; and every other account's rights.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn give_up_capabilities(&self) -> io::Result<()> {
        let version = [CAPABILITIES_VERSION, 0];
        let none = [0_u32; 6];
        // SAFETY: what is read lives for the calls.
        unsafe {
            for capability in 0..CAPABILITIES_MAX {
                libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
            }
            if let Some(account) = self.account {
                check(libc::setgroups(0, std::ptr::null()))?;
                check(libc::setresgid(account.gid, account.gid, account.gid))?;
                check(libc::setresuid(account.uid, account.uid, account.uid))?;
            }
            check(libc::syscall(libc::SYS_capset, version.as_ptr(), none.as_ptr()) as libc::c_int)
        }
    }

    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn install_filter(&self) -> io::Result<()> {
        if self.filter.is_empty() {
            return Ok(());
        }
        let program = libc::sock_fprog {
            len: u16::try_from(self.filter.len()).unwrap_or(u16::MAX),
            filter: self.filter.as_ptr().cast_mut(),
        };
        // SAFETY: the kernel reads the program and keeps a copy.
        check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) })
    }
}

fn check(outcome: libc::c_int) -> io::Result<()> {
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const JOIN_SESSION_KEYRING: libc::c_int = 1;
/// `_LINUX_CAPABILITY_VERSION_3`: two words for each of three sets.
const CAPABILITIES_VERSION: u32 = 0x2008_0522;
const CAPABILITIES_MAX: libc::c_int = 64;
