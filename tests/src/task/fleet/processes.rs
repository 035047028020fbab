//! The coordinator and the agents, each a process of its own, and what they cost.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use muster_tests::fleet::served_address;
use muster_tests::process::Process;

/// A coordinator and its agents. They end when this is dropped.
pub(super) struct Processes {
    muster: PathBuf,
    url: String,
    // Dropped in this order: the keepers of an agent's commands end with it.
    agents: Agents,
    coordinator: Process,
}

struct Agents(Vec<Child>);

/// Seconds of processor time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    coordinator: f64,
    agents: f64,
    /// Of the processes that the agents have started.
    tests: f64,
    machine: f64,
    /// All that there was.
    wall: f64,
}

impl Processes {
    /// Starts them from a folder of binaries, and waits until the coordinator knows every agent.
    pub(super) fn start(binaries: &Path, home: &Path, count: usize) -> Result<Self> {
        let mut command = Command::new(binaries.join("muster-coordinator"));
        command.arg("--data").arg(home.join("coordinator")).args(["--listen", "127.0.0.1:0"]);
        let coordinator = Process::start("coordinator", &mut command);
        let url = format!("http://{}", coordinator.find_line("address", served_address));
        let folder = home.join("agents");
        fs::create_dir_all(&folder)?;
        let mut agents = Agents(Vec::new());
        for number in 1..=count {
            let log = File::create(folder.join(format!("agent-{number}.log")))?;
            let mut agent = Command::new(binaries.join("muster-agent"));
            agent.args(["--coordinator", &url, "--slots", "1", "--log-filter", "warn", "--name"]);
            agent.arg(format!("agent-{number}")).arg("--directory").arg(folder.join(format!("agent-{number}")));
            agent.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            agents.0.push(agent.spawn().context("cannot start an agent")?);
        }
        let processes = Self { muster: binaries.join("muster"), url, agents, coordinator };
        processes.wait_for_agents(count)?;
        Ok(processes)
    }

    /// The CLI.
    pub(super) fn muster(&self) -> &Path {
        &self.muster
    }

    /// The coordinator's address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What has been used so far.
    pub(super) fn cpu(&self) -> Result<Cpu> {
        let mut cpu = Cpu { coordinator: used(self.coordinator.id())?.0, ..Cpu::default() };
        for agent in &self.agents.0 {
            let (own, children) = used(agent.id())?;
            cpu.agents += own;
            cpu.tests += children;
        }
        (cpu.machine, cpu.wall) = machine()?;
        Ok(cpu)
    }

    fn wait_for_agents(&self, count: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let output = Command::new(&self.muster).args(["agents", "--json", "--coordinator", &self.url]).output()?;
            let agents: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if agents.len() >= count {
                return Ok(());
            }
            if began.elapsed() > AGENTS_PATIENCE {
                bail!("{} of {count} agents came up in {AGENTS_PATIENCE:?}", agents.len());
            }
            std::thread::sleep(AGENTS_PAUSE);
        }
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        for agent in &mut self.0 {
            // It may have ended by itself.
            let _ = agent.kill();
        }
        for agent in &mut self.0 {
            let _ = agent.wait();
        }
    }
}

impl Cpu {
    /// What has been used since an earlier moment.
    pub(super) fn since(self, earlier: &Self) -> Self {
        Self {
            coordinator: self.coordinator - earlier.coordinator,
            agents: self.agents - earlier.agents,
            tests: self.tests - earlier.tests,
            machine: self.machine - earlier.machine,
            wall: self.wall - earlier.wall,
        }
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let Self { coordinator, agents, tests, machine, wall } = self;
        let others = machine - coordinator - agents - tests;
        format!(
            "processor time: coordinator {coordinator:.0} s, agents {agents:.0} s, what they started {tests:.0} s, \
             everything else on this machine {others:.0} s, of {wall:.0} s"
        )
    }
}

/// Seconds of a process, and of its children that have ended.
fn used(id: u32) -> Result<(f64, f64)> {
    let path = format!("/proc/{id}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}: has the process ended?"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = fields.split_ascii_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>()?;
    match ticks[..] {
        [user, system, children_user, children_system] => {
            Ok(((user + system) / ticks_per_second()?, (children_user + children_system) / ticks_per_second()?))
        }
        _ => bail!("{path} has another form"),
    }
}

/// Seconds of all processors: used, and in all.
fn machine() -> Result<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("/proc/stat is empty")?;
    let ticks: Vec<f64> = line.split_ascii_whitespace().skip(1).take(8).map(str::parse).collect::<Result<_, _>>()?;
    let [_, _, _, idle, waiting, ..] = ticks[..] else { bail!("/proc/stat has another form") };
    let all: f64 = ticks.iter().sum();
    Ok(((all - idle - waiting) / ticks_per_second()?, all / ticks_per_second()?))
}

fn ticks_per_second() -> Result<f64> {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.context("this system has no ticks")?;
    Ok(ticks as f64)
}

const AGENTS_PATIENCE: Duration = Duration::from_secs(120);
const AGENTS_PAUSE: Duration = Duration::from_millis(500);
