//! Landlock: what a command may do with files, by the hierarchies they lie in, whoever it becomes.
//!
//! A rule belongs to a file as it is seen where the rule is made, so rules are made by the command itself, inside its mount
//! namespace, out of paths that were put together before. That takes three system calls, which are made here as they are:
//! a library that allocates cannot be used between a fork and the next program.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::libc;

/// What may be done beneath a path; see [`Rights`].
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    path: CString,
    rights: u64,
}

/// Kinds of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Files are read and run.
    Read,
    /// Devices and kernel interfaces: what is there is read and written, nothing is made.
    Use,
    /// Anything that the agent reads or writes as well: ordinary files and folders, no links that could lead it elsewhere.
    Share,
    /// Anything at all.
    All,
}

/// The rules of a command.
#[derive(Clone, Debug)]
pub(crate) struct Ruleset {
    handled: u64,
    scoped: u64,
    rules: Vec<Rule>,
}

impl Rule {
    pub(crate) fn new(path: impl Into<PathBuf>, rights: Rights) -> io::Result<Self> {
        let rights = match rights {
            Rights::Read => READ,
            Rights::Use => READ | WRITE_FILE | IOCTL_DEVICE | TRUNCATE,
            Rights::Share => ALL & !LINKS_AND_DEVICES,
            Rights::All => ALL,
        };
        Ok(Self { path: CString::new(path.into().into_os_string().into_vec())?, rights })
    }
}

impl Ruleset {
    /// For a sandbox: what no rule names cannot be touched, and abstract sockets from outside cannot be reached.
    pub(crate) const fn of_sandbox(rules: Vec<Rule>) -> Self {
        Self { handled: ALL, scoped: SCOPE_ABSTRACT_SOCKETS, rules }
    }

    /// For a command that is only another account: links and devices are made where a rule says so.
    pub(crate) const fn of_account(rules: Vec<Rule>) -> Self {
        Self { handled: LINKS_AND_DEVICES | REFER, scoped: 0, rules }
    }

    /// Holds this process to it, for good. Only system calls.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    pub(crate) unsafe fn restrict(&self) -> io::Result<()> {
        let attributes = [self.handled, 0, self.scoped];
        // What an older kernel does not know it is not told of; whether that is enough was decided at the agent's start.
        let size = if self.scoped == 0 { 8 } else { size_of_val(&attributes) };
        // SAFETY: the attributes live for the call; descriptors are this process's own.
        unsafe {
            let ruleset = libc::syscall(libc::SYS_landlock_create_ruleset, attributes.as_ptr(), size, 0);
            if ruleset < 0 {
                return Err(io::Error::last_os_error());
            }
            for rule in &self.rules {
                rule.add(ruleset, self.handled)?;
            }
            let outcome = libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0);
            let error = io::Error::last_os_error();
            libc::close(ruleset as libc::c_int);
            if outcome == 0 { Ok(()) } else { Err(error) }
        }
    }
}

impl Rule {
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    unsafe fn add(&self, ruleset: libc::c_long, handled: u64) -> io::Result<()> {
        /// As the kernel has it: packed.
        #[repr(C, packed)]
        struct Beneath {
            rights: u64,
            parent: libc::c_int,
        }
        // SAFETY: the path ends with a zero, and the structure lives for the call.
        unsafe {
            let parent = libc::open(self.path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
            if parent < 0 {
                return Err(io::Error::last_os_error());
            }
            let beneath = Beneath { rights: self.rights & handled, parent };
            let outcome = match beneath.rights {
                0 => 0,
                _ => libc::syscall(libc::SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &raw const beneath, 0),
            };
            let error = io::Error::last_os_error();
            libc::close(parent);
            if outcome == 0 { Ok(()) } else { Err(error) }
        }
    }
}

/// The version of Landlock that this kernel has; none where it is not built in or was not switched on.
#[allow(unsafe_code, reason = "there is no other way to ask")]
pub(crate) fn version() -> Option<i64> {
    // SAFETY: with this flag the call takes no attributes.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u64>(), 0_usize, ASK_VERSION) };
    (version > 0).then_some(version)
}

/// The first version with everything that a sandbox is held to: scopes.
pub(crate) const VERSION_OF_SANDBOX: i64 = 6;
/// The first version that lets files be moved between folders.
pub(crate) const VERSION_OF_ACCOUNT: i64 = 2;

const ASK_VERSION: u32 = 1;
const RULE_PATH_BENEATH: libc::c_int = 1;
const SCOPE_ABSTRACT_SOCKETS: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ: u64 = 1 | 1 << 2 | 1 << 3;
const LINKS_AND_DEVICES: u64 = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEVICE: u64 = 1 << 15;
/// `EXECUTE` to `IOCTL_DEV`.
const ALL: u64 = (1 << 16) - 1;
