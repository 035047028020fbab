//! Network namespaces on one switch. Nothing of it is in the namespace of the tests themselves, so lans do not know of
//! each other and may have the same addresses.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::tools;

/// A switch with hosts. All namespaces go with it, and every process in them.
#[derive(Debug)]
pub struct Lan {
    prefix: String,
    hosts: Vec<Host>,
}

/// A namespace with an address of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name on the lan.
    pub name: String,
    /// Its address.
    pub address: String,
    namespace: String,
}

impl Lan {
    /// A switch without hosts.
    ///
    /// # Panics
    /// If namespaces cannot be made here: it takes the rights of root and the tools of iproute2.
    #[must_use]
    pub fn new() -> Self {
        remove_leftovers();
        let prefix = format!("{PREFIX}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let lan = Self { prefix, hosts: Vec::new() };
        let switch = lan.switch();
        tools::run("ip", &["netns", "add", &switch]);
        tools::fed("ip", &["-n", &switch, "-batch", "-"], "link add br0 type bridge\nlink set br0 up\n");
        lan
    }

    /// Adds a host.
    pub fn host(&mut self, name: &str) -> Host {
        let number = self.hosts.len() + 1;
        let namespace = format!("{}-{name}", self.prefix);
        let host = Host { name: name.to_owned(), address: format!("10.99.0.{number}"), namespace };
        let (space, switch, port) = (&host.namespace, self.switch(), host.port());
        tools::run("ip", &["netns", "add", space]);
        self.hosts.push(host.clone());
        let plugged = format!(
            "link add {port} type veth peer name eth0 netns {space}\nlink set {port} master br0\nlink set {port} up\n"
        );
        tools::fed("ip", &["-n", &switch, "-batch", "-"], &plugged);
        let addressed = format!("link set lo up\naddr add {}/24 dev eth0\nlink set eth0 up\n", host.address);
        tools::fed("ip", &["-n", space, "-batch", "-"], &addressed);
        host
    }

    /// The namespace in which the switch is.
    #[must_use]
    pub fn switch(&self) -> String {
        format!("{}-switch", self.prefix)
    }
}

impl Default for Lan {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        let switch = self.switch();
        let spaces: Vec<&str> =
            self.hosts.iter().map(|host| host.namespace.as_str()).chain([switch.as_str()]).collect();
        for space in spaces {
            remove(space);
        }
    }
}

impl Host {
    /// The name of its port on the switch.
    #[must_use]
    pub fn port(&self) -> String {
        format!("p-{}", self.name)
    }

    /// The file that stands for its namespace.
    #[must_use]
    pub fn namespace_file(&self) -> String {
        format!("/run/netns/{}", self.namespace)
    }

    /// This command, run on this host. It keeps its process id, and dies with the thread that starts it.
    #[must_use]
    pub fn command(&self, inner: &Command) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "ip", "netns", "exec", &self.namespace]);
        command.arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Lets it send only this much.
    pub fn limit_rate(&self, rate: &str) {
        let words = ["-n", &self.namespace, "qdisc", "replace", "dev", "eth0", "root", "tbf"];
        tools::run("tc", &[&words[..], &["rate", rate, "burst", "8kb", "latency", "400ms"]].concat());
    }

    /// Lets it send as fast as it can.
    pub fn unlimit_rate(&self) {
        tools::run("tc", &["-n", &self.namespace, "qdisc", "del", "dev", "eth0", "root"]);
    }
}

/// Removes what processes of an earlier life have left, which were killed before they could.
fn remove_leftovers() {
    for line in tools::run("ip", &["netns", "list"]).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        let is_left = owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists());
        if is_left {
            remove(name);
        }
    }
}

fn remove(space: &str) {
    // It may be half made, or its processes may have gone: then there is less to do.
    if let Ok(listed) = Command::new("ip").args(["netns", "pids", space]).output() {
        for id in String::from_utf8_lossy(&listed.stdout).split_whitespace().filter_map(|id| id.parse().ok()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
    let _ = Command::new("ip").args(["netns", "del", space]).output();
}

static COUNT: AtomicU32 = AtomicU32::new(0);
const PREFIX: &str = "muster-";
