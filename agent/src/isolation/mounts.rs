//! The steps by which the view of a sandbox is made, as system calls.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use nix::libc;

/// One step. Paths are absolute, and are those of the sandbox.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Nothing that is mounted from here on is seen outside.
    Private,
    /// What is seen at the path now, for a later [`Step::Put`].
    Take { slot: usize, path: CString },
    /// Everything that is mounted becomes read-only, and no program in it gives its caller more rights.
    ReadOnly,
    /// An empty folder of memory over the path, with these options.
    Empty { path: CString, options: CString },
    /// A folder, where there is none.
    Folder { path: CString },
    /// An empty file, where there is none.
    File { path: CString },
    /// A link.
    Link { path: CString, target: CString },
    /// What was taken into the slot.
    Put { slot: usize, path: CString, is_writable: bool },
    /// The mount at the path becomes read-only.
    Seal { path: CString },
    /// The processes of this process namespace.
    Processes,
    /// Terminals of its own.
    Terminals,
    /// The loopback of this network namespace is switched on.
    Loopback,
}

/// What has been taken.
pub(crate) type Slots = [libc::c_int; SLOTS_MAX];

impl Step {
    /// What it does, for people.
    pub(crate) fn told(&self) -> String {
        let shown = |path: &CString| PathBuf::from(path.to_string_lossy().into_owned()).display().to_string();
        match self {
            Self::Private => "keep mounts to itself".to_owned(),
            Self::Take { path, .. } => format!("take hold of `{}`", shown(path)),
            Self::ReadOnly => "make what is mounted read-only".to_owned(),
            Self::Empty { path, .. } => format!("hide `{}`", shown(path)),
            Self::Folder { path } | Self::File { path } | Self::Link { path, .. } => format!("make `{}`", shown(path)),
            Self::Put { path, .. } => format!("show `{}`", shown(path)),
            Self::Seal { path } => format!("make `{}` read-only", shown(path)),
            Self::Processes => "mount `/proc`".to_owned(),
            Self::Terminals => "mount `/dev/pts`".to_owned(),
            Self::Loopback => "switch the loopback on".to_owned(),
        }
    }

    /// Does it. Only system calls.
    #[allow(unsafe_code, reason = "system calls are all that is allowed here")]
    pub(crate) unsafe fn run(&self, slots: &mut Slots) -> io::Result<()> {
        // SAFETY: every path ends with a zero and lives for the calls; descriptors are this process's own.
        unsafe {
            match self {
                Self::Private => mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None),
                Self::Take { slot, path } => {
                    slots[*slot] = take(path)?;
                    Ok(())
                }
                Self::ReadOnly => set_attributes(c"/", RDONLY | NOSUID, true),
                Self::Empty { path, options } => {
                    mount(Some(c"tmpfs"), path, Some(c"tmpfs"), libc::MS_NOSUID | libc::MS_NODEV, Some(options))
                }
                Self::Folder { path } => ignoring_existing(libc::mkdir(path.as_ptr(), 0o755)),
                Self::File { path } => {
                    let file = libc::open(path.as_ptr(), libc::O_CREAT | libc::O_RDONLY | libc::O_CLOEXEC, 0o444);
                    check(file)?;
                    check(libc::close(file))
                }
                Self::Link { path, target } => ignoring_existing(libc::symlink(target.as_ptr(), path.as_ptr())),
                Self::Put { slot, path, is_writable } => {
                    put(slots[*slot], path)?;
                    set_attributes(path, if *is_writable { NOSUID } else { RDONLY | NOSUID }, false)
                }
                Self::Seal { path } => set_attributes(path, RDONLY, false),
                Self::Processes => {
                    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
                    mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None)
                }
                Self::Terminals => {
                    let options = Some(c"newinstance,ptmxmode=0666,mode=0620");
                    let flags = libc::MS_NOSUID | libc::MS_NOEXEC;
                    mount(Some(c"devpts"), c"/dev/pts", Some(c"devpts"), flags, options)
                }
                Self::Loopback => switch_loopback_on(),
            }
        }
    }
}

/// A path for a step.
pub(crate) fn text(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn check(outcome: libc::c_int) -> io::Result<()> {
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn ignoring_existing(outcome: libc::c_int) -> io::Result<()> {
    match check(outcome) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        other => other,
    }
}

#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn mount(
    source: Option<&std::ffi::CStr>,
    target: &std::ffi::CStr,
    kind: Option<&std::ffi::CStr>,
    flags: libc::c_ulong,
    options: Option<&std::ffi::CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&std::ffi::CStr>| text.map_or(std::ptr::null(), std::ffi::CStr::as_ptr);
    // SAFETY: texts end with a zero, and those that are not there are null.
    check(unsafe { libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(options).cast()) })
}

#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn take(path: &std::ffi::CStr) -> io::Result<libc::c_int> {
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as libc::c_uint | libc::AT_RECURSIVE as libc::c_uint;
    // SAFETY: the path ends with a zero.
    let taken = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) } as libc::c_int;
    check(taken)?;
    Ok(taken)
}

#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn put(taken: libc::c_int, path: &std::ffi::CStr) -> io::Result<()> {
    // SAFETY: both paths end with a zero.
    let outcome = unsafe {
        let (empty, flags) = (c"".as_ptr(), MOVE_MOUNT_F_EMPTY_PATH);
        libc::syscall(libc::SYS_move_mount, taken, empty, libc::AT_FDCWD, path.as_ptr(), flags)
    };
    check(outcome as libc::c_int)?;
    // SAFETY: the descriptor was this process's own.
    check(unsafe { libc::close(taken) })
}

#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn set_attributes(path: &std::ffi::CStr, attributes: u64, is_recursive: bool) -> io::Result<()> {
    let flags = if is_recursive { libc::AT_RECURSIVE } else { 0 };
    let wanted: [u64; 4] = [attributes, 0, 0, 0];
    // SAFETY: the path ends with a zero, and the structure lives for the call.
    let outcome = unsafe {
        let size = size_of_val(&wanted);
        libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, path.as_ptr(), flags, wanted.as_ptr(), size)
    };
    check(outcome as libc::c_int)
}

#[allow(unsafe_code, reason = "system calls are all that is allowed here")]
unsafe fn switch_loopback_on() -> io::Result<()> {
    // SAFETY: a request may be all zeros; it lives for the calls.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        check(socket)?;
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        let outcome = libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request);
        let error = io::Error::last_os_error();
        libc::close(socket);
        if outcome < 0 { Err(error) } else { Ok(()) }
    }
}

/// Things that one view may keep.
pub(crate) const SLOTS_MAX: usize = 64;
/// `MOUNT_ATTR_RDONLY`, `MOUNT_ATTR_NOSUID`.
const RDONLY: u64 = 1;
const NOSUID: u64 = 2;
const OPEN_TREE_CLONE: libc::c_uint = 1;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;
