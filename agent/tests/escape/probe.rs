//! Programs that try to get out, one system call or two each. Each says `refused:` and why, and fails, where it cannot.

use std::ffi::CString;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use nix::libc;

/// Runs the probe of this name.
pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    match name {
        "ptrace" => number(unsafe { libc::ptrace(libc::PTRACE_ATTACH, agent()?, 0, 0) }).map(|_| detach()),
        "read-memory-file" => read_memory_file(),
        "process-vm-readv" => read_memory_by_call(),
        "steal-descriptor" => steal_descriptor(),
        "signal-agent" => number(i64::from(unsafe { libc::kill(agent()?, libc::SIGCONT) })).map(drop),
        "join-agents-mounts" => join(&format!("/proc/{}/ns/mnt", agent()?)),
        "join-first-process" => join("/proc/1/ns/mnt"),
        "mount" => mount(),
        "mount-api" => syscall(libc::SYS_fsopen, [c"tmpfs".as_ptr() as i64, 0, 0, 0, 0]),
        "open-tree" => syscall(libc::SYS_open_tree, [libc::AT_FDCWD.into(), c"/".as_ptr() as i64, 1, 0, 0]),
        "chroot" => number(i64::from(unsafe { libc::chroot(c"/".as_ptr()) })).map(drop),
        "user-namespace" => number(i64::from(unsafe { libc::unshare(libc::CLONE_NEWUSER) })).map(drop),
        "mount-namespace" => number(i64::from(unsafe { libc::unshare(libc::CLONE_NEWNS) })).map(drop),
        "clone-user-namespace" => clone_namespace(),
        "clone3-user-namespace" => clone3_namespace(),
        "raw-socket" => socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        "packet-socket" => socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
        "bpf" => bpf(),
        "perf" => perf(),
        "key-ring" => key(),
        "io-uring" => io_uring(),
        "userfaultfd" => syscall(libc::SYS_userfaultfd, [libc::O_CLOEXEC.into(), 0, 0, 0, 0]),
        "file-handle" => file_handle(),
        "device-node" => device_node(),
        "host-name" => host_name(),
        "kernel-log" => syscall(libc::SYS_syslog, [10, 0, 0, 0, 0]),
        "priority" => number(i64::from(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -5) })).map(drop),
        "set-time" => set_time(),
        "become-root" => ensure_root(),
        "connect-tcp" => connect_tcp(),
        "connect-abstract" => connect_abstract(),
        "connect-socket-file" => Ok(UnixStream::connect(variable("TARGET")?).map(drop)?),
        "shared-memory" => shared_memory(),
        "fork-bomb" => fork_bomb(),
        "fill-memory-disk" => fill(&format!("/dev/shm/{}", variable("NONCE")?)),
        other => bail!("there is no probe `{other}`"),
    }
}

fn number(outcome: i64) -> anyhow::Result<i64> {
    if outcome < 0 { Err(std::io::Error::last_os_error().into()) } else { Ok(outcome) }
}

fn syscall(call: libc::c_long, arguments: [i64; 5]) -> anyhow::Result<()> {
    let [a, b, c, d, e] = arguments;
    number(unsafe { libc::syscall(call, a, b, c, d, e) }).map(drop)
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("${name} is not set"))
}

fn agent() -> anyhow::Result<libc::pid_t> {
    Ok(variable("AGENT_PID")?.parse()?)
}

fn detach() {
    if let Ok(agent) = agent() {
        unsafe {
            libc::waitpid(agent, std::ptr::null_mut(), libc::__WALL);
            libc::ptrace(libc::PTRACE_DETACH, agent, 0, 0);
        }
    }
}

fn first_address() -> anyhow::Result<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", agent()?))?;
    let start = maps.split('-').next().context("the agent has memory")?;
    Ok(u64::from_str_radix(start, 16)?)
}

fn read_memory_file() -> anyhow::Result<()> {
    let mut memory = std::fs::File::open(format!("/proc/{}/mem", agent()?))?;
    memory.seek(SeekFrom::Start(first_address()?))?;
    Ok(memory.read_exact(&mut [0; 16])?)
}

fn read_memory_by_call() -> anyhow::Result<()> {
    let mut bytes = [0_u8; 16];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: first_address()? as *mut libc::c_void, iov_len: bytes.len() };
    number(unsafe { libc::process_vm_readv(agent()?, &raw const local, 1, &raw const remote, 1, 0) } as i64).map(drop)
}

fn steal_descriptor() -> anyhow::Result<()> {
    let handle = number(unsafe { libc::syscall(libc::SYS_pidfd_open, agent()?, 0) })?;
    syscall(libc::SYS_pidfd_getfd, [handle, 2, 0, 0, 0])
}

fn join(namespace: &str) -> anyhow::Result<()> {
    use std::os::fd::AsRawFd as _;
    let file = std::fs::File::open(namespace)?;
    number(i64::from(unsafe { libc::setns(file.as_raw_fd(), 0) })).map(drop)
}

fn mount() -> anyhow::Result<()> {
    let folder = CString::new(variable("TMPDIR")?)?;
    let kind = c"tmpfs".as_ptr();
    number(i64::from(unsafe { libc::mount(kind, folder.as_ptr(), kind, 0, std::ptr::null()) }))?;
    number(i64::from(unsafe { libc::umount2(folder.as_ptr(), libc::MNT_DETACH) })).map(drop)
}

fn clone_namespace() -> anyhow::Result<()> {
    let child = number(unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0) })?;
    end_child(child)
}

fn clone3_namespace() -> anyhow::Result<()> {
    let mut arguments = [0_u64; 11];
    arguments[0] = libc::CLONE_NEWUSER as u64;
    arguments[4] = libc::SIGCHLD as u64;
    let child = number(unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) })?;
    end_child(child)
}

fn end_child(child: i64) -> anyhow::Result<()> {
    if child == 0 {
        unsafe { libc::_exit(0) };
    }
    number(i64::from(unsafe { libc::waitpid(child as libc::pid_t, std::ptr::null_mut(), 0) })).map(drop)
}

fn socket(family: i32, kind: i32, protocol: i32) -> anyhow::Result<()> {
    number(i64::from(unsafe { libc::socket(family, kind, protocol) })).map(drop)
}

fn bpf() -> anyhow::Result<()> {
    // An array of one number.
    let map = [2_u32, 4, 4, 1, 0];
    syscall(libc::SYS_bpf, [0, map.as_ptr() as i64, size_of_val(&map) as i64, 0, 0])
}

fn perf() -> anyhow::Result<()> {
    let mut attributes = [0_u64; 16];
    attributes[0] = 1 | (128 << 32);
    syscall(libc::SYS_perf_event_open, [attributes.as_ptr() as i64, 0, -1, -1, 0])
}

fn key() -> anyhow::Result<()> {
    const USER_KEYRING: i64 = -4;
    let (kind, name) = (c"user".as_ptr() as i64, c"muster-probe".as_ptr() as i64);
    let key = number(unsafe { libc::syscall(libc::SYS_add_key, kind, name, c"x".as_ptr(), 1, USER_KEYRING) })?;
    // KEYCTL_UNLINK
    syscall(libc::SYS_keyctl, [9, key, USER_KEYRING, 0, 0])
}

fn io_uring() -> anyhow::Result<()> {
    let mut parameters = [0_u64; 15];
    syscall(libc::SYS_io_uring_setup, [1, parameters.as_mut_ptr() as i64, 0, 0, 0])
}

fn file_handle() -> anyhow::Result<()> {
    use std::os::fd::AsRawFd as _;
    let mut handle = [0_u32; 34];
    handle[0] = 128;
    let mut mount = 0_i32;
    let path = c"/etc/passwd".as_ptr() as i64;
    let (at, into) = (i64::from(libc::AT_FDCWD), handle.as_mut_ptr() as i64);
    syscall(libc::SYS_name_to_handle_at, [at, path, into, &raw mut mount as i64, 0])?;
    let root = std::fs::File::open("/etc")?;
    syscall(libc::SYS_open_by_handle_at, [root.as_raw_fd().into(), into, libc::O_RDONLY.into(), 0, 0])
}

fn device_node() -> anyhow::Result<()> {
    let path = format!("{}/disk", variable("TMPDIR")?);
    let name = CString::new(path.clone())?;
    let disk = libc::makedev(1, 3);
    number(i64::from(unsafe { libc::mknod(name.as_ptr(), libc::S_IFCHR | 0o600, disk) }))?;
    std::fs::File::open(&path)?;
    Ok(std::fs::remove_file(path)?)
}

fn host_name() -> anyhow::Result<()> {
    let name = nix::unistd::gethostname()?;
    Ok(nix::unistd::sethostname(name)?)
}

fn set_time() -> anyhow::Result<()> {
    let mut change: libc::timex = unsafe { std::mem::zeroed() };
    // The tick as it is.
    unsafe { libc::adjtimex(&raw mut change) };
    change.modes = libc::ADJ_TICK;
    number(i64::from(unsafe { libc::adjtimex(&raw mut change) })).map(drop)
}

fn ensure_root() -> anyhow::Result<()> {
    ensure!(unsafe { libc::geteuid() } == 0, "it runs as {}", unsafe { libc::geteuid() });
    Ok(())
}

fn connect_tcp() -> anyhow::Result<()> {
    let address: SocketAddr = variable("TARGET")?.parse()?;
    Ok(TcpStream::connect_timeout(&address, Duration::from_secs(3)).map(drop)?)
}

fn connect_abstract() -> anyhow::Result<()> {
    let address = std::os::unix::net::SocketAddr::from_abstract_name(variable("TARGET")?)?;
    Ok(UnixStream::connect_addr(&address).map(drop)?)
}

/// What is left of it is looked for, and removed, outside.
fn shared_memory() -> anyhow::Result<()> {
    let key: i32 = variable("SHARED_KEY")?.parse()?;
    number(i64::from(unsafe { libc::shmget(key, 4_096, libc::IPC_CREAT | 0o600) })).map(drop)
}

fn fork_bomb() -> anyhow::Result<()> {
    let mut children = Vec::new();
    let outcome = (0..FORKS).try_for_each(|_| {
        let child = number(i64::from(unsafe { libc::fork() }))?;
        if child == 0 {
            loop {
                unsafe { libc::pause() };
            }
        }
        children.push(child);
        anyhow::Ok(())
    });
    for child in children {
        unsafe {
            libc::kill(child as libc::pid_t, libc::SIGKILL);
            libc::waitpid(child as libc::pid_t, std::ptr::null_mut(), 0);
        }
    }
    outcome
}

fn fill(path: &str) -> anyhow::Result<()> {
    let mut file = std::fs::File::create(path)?;
    let block = vec![1_u8; 1 << 20];
    let outcome = (0..FILL_MEGABYTES).try_for_each(|_| file.write_all(&block));
    std::fs::remove_file(path)?;
    Ok(outcome?)
}

/// More than the agents of these tests allow.
const FORKS: u32 = 400;
/// More than a sandbox has.
const FILL_MEGABYTES: u32 = 300;
