//! Where the probes run: a network of the test's own, folders with secrets, services that answer.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::Context as _;
use nix::libc;

use super::table::Runs;

/// Folders and services, with secrets in them that belong to the agent.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    pub(crate) nonce: String,
    pub(crate) service: String,
    pub(crate) left_in_tmp: tempfile::NamedTempFile,
    _listeners: (TcpListener, TcpListener, UnixListener),
}

impl Machine {
    /// In the network namespace of this thread.
    pub(crate) fn new(runs: Runs) -> anyhow::Result<Self> {
        // Not in a folder for temporary files: there no agent with a sandbox may have its own.
        let prefix = format!("{FOLDER_PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(FOLDERS)?;
        open(folder.path(), 0o755)?;
        let nonce = format!("muster-escape-{}", uuid::Uuid::new_v4().simple());
        let metadata = TcpListener::bind("169.254.169.254:80").context("the metadata address")?;
        let local = TcpListener::bind("127.0.0.1:0")?;
        let service = local.local_addr()?.to_string();
        let name = SocketAddr::from_abstract_name(&nonce)?;
        let listeners = (metadata, local, UnixListener::bind_addr(&name)?);
        let left_in_tmp = tempfile::NamedTempFile::new_in("/tmp")?;
        std::fs::write(left_in_tmp.path(), "secret")?;
        open(left_in_tmp.path(), 0o644)?;
        let machine = Self { folder, nonce, service, left_in_tmp, _listeners: listeners };
        for name in ["state", "home"] {
            std::fs::create_dir(machine.path(name))?;
        }
        for (name, text) in [("state/key", SECRET), ("home/netrc", SECRET)] {
            std::fs::write(machine.path(name), text)?;
            open(&machine.path(name), 0o600)?;
        }
        let this = std::env::current_exe()?;
        for (name, mode) in [("probe", 0o755), ("set-user-id", 0o4755)] {
            std::fs::copy(&this, machine.path(name))?;
            open(&machine.path(name), mode)?;
        }
        std::fs::copy(env!("CARGO_BIN_EXE_muster-agent"), machine.path("muster-agent"))?;
        for name in ["state", "state/key", "home", "home/netrc"] {
            chown(machine.path(name), Some(uid(runs)), Some(uid(runs)))?;
        }
        Ok(machine)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An agent process of this machine.
    pub(crate) fn agent(&self, runs: Runs, level: &str, coordinator: &Path) -> anyhow::Result<Agent> {
        let job_user = if runs == Runs::Root && level != "none" { "job_user = \"70002:70002\"\n" } else { "" };
        let limit = if level == "none" { "" } else { "processes_max = 100\n" };
        let shown = [self.path("probe"), self.path("set-user-id")];
        let text = format!(
            "# secret\nname = \"a\"\nslots = {SLOTS}\ncoordinator = \"unix:{}\"\ndirectory = \"{}\"\nisolation = \"{level}\"\n\
             sandbox_visible = {shown:?}\n{job_user}{limit}",
            coordinator.display(),
            self.path("state").display(),
        );
        let config = self.path("agent.toml");
        std::fs::write(&config, text)?;
        open(&config, 0o600)?;
        chown(&config, Some(uid(runs)), Some(uid(runs)))?;
        let mut command = Command::new(self.path("muster-agent"));
        command.arg("--config").arg(config).env_clear().env("AGENT_SECRET", "1").env("HOME", self.path("home"));
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.uid(uid(runs)).gid(uid(runs));
        Ok(Agent(command.spawn()?))
    }
}

/// An agent that is ended with the test.
pub(crate) struct Agent(Child);

impl Agent {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended by itself, or is ended here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A network for this thread, and for what it starts, with loopback addresses alone.
pub(crate) fn separate_network() -> anyhow::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).context("cannot make a network for the probes")?;
    for (name, address) in [("lo", None), ("lo:1", Some([169, 254, 169, 254]))] {
        set_interface(name, address)?;
    }
    Ok(())
}

fn set_interface(name: &str, address: Option<[u8; 4]>) -> anyhow::Result<()> {
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) };
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    if let Some(address) = address {
        let mut wanted: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        wanted.sin_family = libc::AF_INET as u16;
        wanted.sin_addr.s_addr = u32::from_ne_bytes(address);
        unsafe { std::ptr::write((&raw mut request.ifr_ifru).cast::<libc::sockaddr_in>(), wanted) };
        anyhow::ensure!(unsafe { libc::ioctl(socket, libc::SIOCSIFADDR as _, &raw const request) } == 0, "{name}");
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    anyhow::ensure!(unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) } == 0, "{name}");
    unsafe { libc::close(socket) };
    Ok(())
}

/// Removes the folders of runs that were killed.
pub(crate) fn remove_remains() -> std::io::Result<()> {
    for entry in std::fs::read_dir(FOLDERS)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX)) else { continue };
        let maker = rest.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(maker).join("stat").is_file() {
            match std::fs::remove_dir_all(entry.path()) {
                // The other of these tests removes them as well.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
    }
    Ok(())
}

/// Lets others in as far as `mode` says.
pub(crate) fn open(path: &Path, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

const fn uid(runs: Runs) -> u32 {
    match runs {
        Runs::Root => 0,
        Runs::Plain => 70_001,
    }
}

const FOLDERS: &str = "/var/lib";
/// Followed by the id of the process that has made it.
const FOLDER_PREFIX: &str = "muster-escape-";
/// What the agent alone may know; a step could hand it on as its output.
pub(crate) const SECRET: &str = "secret=of-the-agent\n";
pub(crate) const SLOTS: u32 = 4;
