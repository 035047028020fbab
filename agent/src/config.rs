//! The configuration of the binary: flags, then environment, then file, then defaults.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Parser;
use muster_common::limits::PIPELINE_FILE_BYTES_MAX;
use muster_common::requirement::Labels;
use muster_service::endpoint::Endpoint;
use muster_service::telemetry::{LogFormat, TelemetryOptions};
use serde::Deserialize;

use crate::inventory;
use crate::isolation::level::{Isolation, SandboxNetwork};
use crate::isolation::offer::IsolationOptions;
use crate::options::{Options, parse_label};

/// Runs builds and tests for a Muster coordinator.
///
/// Every setting is taken from the first of these that names it: a flag, an environment variable (shown with each flag),
/// the configuration file, the default. Keys of the file are the flags' names with `_` for `-`; labels are a table
/// `[labels]`. A key that does not exist is an error.
#[derive(Debug, Parser)]
#[command(name = "muster-agent", version)]
pub struct Arguments {
    /// The coordinator: http://HOST:PORT or unix:/PATH [default: http://127.0.0.1:7000]
    #[arg(long, value_name = "URL", env = "MUSTER_AGENT_COORDINATOR")]
    coordinator: Option<String>,
    /// How many attempts run at one time [default: number of processors]
    #[arg(long, value_name = "N", env = "MUSTER_AGENT_SLOTS")]
    slots: Option<u32>,
    /// A label that jobs can ask for, `key=value` or `word`; may be given several times, or separated by commas in the
    /// environment. Flag or environment replace all labels of the file. The agent adds `os`, `arch`, `cpus`, `hostname`
    #[arg(long = "label", value_name = "K=V", env = "MUSTER_AGENT_LABELS", value_delimiter = ',')]
    labels: Vec<String>,
    /// Its name, unique among the coordinator's agents [default: the host's name, with a number for a second agent]
    #[arg(long, env = "MUSTER_AGENT_NAME")]
    name: Option<String>,
    /// Its own directory for workspaces and unsent results [default: the first free of
    /// $XDG_STATE_HOME/muster/agent, agent-2 …]
    #[arg(long, value_name = "DIR", env = "MUSTER_AGENT_DIRECTORY")]
    directory: Option<PathBuf>,
    /// Directory of cached blobs; agents of one machine may share it [default: `cache` in its own directory]
    #[arg(long, value_name = "DIR", env = "MUSTER_AGENT_CACHE_DIRECTORY")]
    cache_directory: Option<PathBuf>,
    /// Directory in which builds of test suites stay warm; agents of one machine may share it, and tests that look for
    /// files by paths that the compiler wrote into them need the same one on all machines [default: `builds` in its own
    /// directory]
    #[arg(long, value_name = "DIR", env = "MUSTER_AGENT_BUILDS_DIRECTORY")]
    builds_directory: Option<PathBuf>,
    /// Bytes of blobs that are kept [default: 20 GiB]
    #[arg(long, value_name = "BYTES", env = "MUSTER_AGENT_CACHE_BYTES_MAX")]
    cache_bytes_max: Option<u64>,
    /// What jobs are kept from: none (nothing), user (jobs run as another account), sandbox (jobs see their own files and
    /// processes and the machine's tools, and nothing else) [default: none]
    #[arg(long, value_name = "LEVEL", env = "MUSTER_AGENT_ISOLATION")]
    isolation: Option<Isolation>,
    /// The account that jobs run as where the agent is root and isolation is not none: a name or UID:GID
    #[arg(long, value_name = "ACCOUNT", env = "MUSTER_AGENT_JOB_USER")]
    job_user: Option<String>,
    /// What a sandbox reaches: none (its own loopback), host (all that the machine reaches, its own services and a cloud's
    /// metadata address included) [default: none]
    #[arg(long, value_name = "NETWORK", env = "MUSTER_AGENT_SANDBOX_NETWORK")]
    sandbox_network: Option<SandboxNetwork>,
    /// A folder or file that sandboxed jobs may read although it lies where nothing is shown (/home, /root, /srv, /mnt,
    /// /media, /run, /tmp), such as a toolchain; may be given several times, or separated by commas in the environment
    #[arg(long, value_name = "PATH", env = "MUSTER_AGENT_SANDBOX_VISIBLE", value_delimiter = ',')]
    sandbox_visible: Vec<PathBuf>,
    /// Processes that one attempt has at one time; isolation user and sandbox only [default: 4096 in a sandbox]
    #[arg(long, value_name = "N", env = "MUSTER_AGENT_PROCESSES_MAX")]
    processes_max: Option<u64>,
    /// Allow a connection without encryption to another machine
    #[arg(long, env = "MUSTER_AGENT_INSECURE", num_args = 0..=1, default_missing_value = "true")]
    insecure: Option<bool>,
    /// A configuration file (TOML)
    #[arg(long, value_name = "FILE", env = "MUSTER_AGENT_CONFIG")]
    config: Option<PathBuf>,
    /// What is logged, such as `info` or `info,muster_agent=debug` [default: info]
    #[arg(long, value_name = "FILTER", env = "MUSTER_AGENT_LOG_FILTER")]
    log_filter: Option<String>,
    /// How it is logged: text or json [default: text]
    #[arg(long, value_name = "FORMAT", env = "MUSTER_AGENT_LOG_FORMAT", value_parser = parse_format)]
    log_format: Option<LogFormat>,
}

/// Everything that the binary needs.
#[derive(Debug)]
pub struct Settings {
    /// For the agent. Without a directory of its own choice: one is to be found.
    pub options: Options,
    /// Whether directory and name are defaults, so that another may be taken where they are in use.
    pub is_place_free: bool,
    /// For its logs.
    pub telemetry: TelemetryOptions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    coordinator: Option<String>,
    slots: Option<u32>,
    labels: Option<Labels>,
    name: Option<String>,
    directory: Option<PathBuf>,
    cache_directory: Option<PathBuf>,
    builds_directory: Option<PathBuf>,
    cache_bytes_max: Option<u64>,
    isolation: Option<Isolation>,
    job_user: Option<String>,
    sandbox_network: Option<SandboxNetwork>,
    sandbox_visible: Option<Vec<PathBuf>>,
    processes_max: Option<u64>,
    insecure: Option<bool>,
    log_filter: Option<String>,
    log_format: Option<LogFormat>,
}

impl Arguments {
    /// Puts flags, environment, file and defaults together.
    ///
    /// # Errors
    /// If the file cannot be read, or a value is none.
    pub fn settings(self) -> anyhow::Result<Settings> {
        let file = self.config.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
        let coordinator = self.coordinator.or(file.coordinator).unwrap_or_else(|| COORDINATOR_DEFAULT.to_owned());
        let coordinator: Endpoint = coordinator.parse()?;
        let labels = if self.labels.is_empty() {
            file.labels.unwrap_or_default()
        } else {
            self.labels.iter().map(|label| parse_label(label)).collect::<Result<Labels, _>>()?
        };
        let given_directory = self.directory.or(file.directory);
        let given_name = self.name.or(file.name);
        let is_place_free = given_directory.is_none();
        let directory = match given_directory {
            Some(directory) => directory,
            None => default_directory()?,
        };
        let name = match given_name {
            Some(name) => name,
            None => inventory::hostname().context("this machine has no name: pass --name")?,
        };
        let mut options = Options::new(coordinator, name, directory);
        options.slots = match self.slots.or(file.slots) {
            Some(slots) => slots,
            None => u32::try_from(inventory::cpus()).unwrap_or(1),
        };
        options.labels = labels;
        options.cache_directory = self.cache_directory.or(file.cache_directory);
        options.builds_directory = self.builds_directory.or(file.builds_directory);
        options.cache_bytes_max = self.cache_bytes_max.or(file.cache_bytes_max).unwrap_or(options.cache_bytes_max);
        options.isolation = IsolationOptions {
            level: self.isolation.or(file.isolation).unwrap_or_default(),
            job_user: self.job_user.or(file.job_user),
            sandbox_network: self.sandbox_network.or(file.sandbox_network).unwrap_or_default(),
            sandbox_visible: match self.sandbox_visible {
                given if given.is_empty() => file.sandbox_visible.unwrap_or_default(),
                given => given,
            },
            processes_max: self.processes_max.or(file.processes_max),
        };
        options.hidden = self.config.into_iter().collect();
        options.is_insecure_allowed = self.insecure.or(file.insecure).unwrap_or(false);
        let telemetry = TelemetryOptions {
            filter: self.log_filter.or(file.log_filter).unwrap_or_else(|| "info".to_owned()),
            format: self.log_format.or(file.log_format).unwrap_or_default(),
        };
        Ok(Settings { options, is_place_free, telemetry })
    }
}

impl ConfigFile {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let length = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        if length > PIPELINE_FILE_BYTES_MAX as u64 {
            return Err(anyhow!("{} has {length} bytes: that is no configuration file", path.display()));
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a configuration of muster-agent", path.display()))
    }
}

fn parse_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("`{other}` is neither `text` nor `json`")),
    }
}

fn default_directory() -> anyhow::Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = state.or_else(home).context("there is neither XDG_STATE_HOME nor HOME: pass --directory")?;
    Ok(state.join("muster/agent"))
}

const COORDINATOR_DEFAULT: &str = "http://127.0.0.1:7000";

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Arguments {
        Arguments::parse_from(["muster-agent"].iter().chain(words))
    }

    #[test]
    fn flags_are_stronger_than_the_file_and_the_file_than_defaults() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("agent.toml");
        std::fs::write(&file, "slots = 7\nname = \"file\"\n[labels]\ngpu = \"\"\n")?;
        let config = file.display().to_string();
        let settings = arguments(&["--config", &config, "--name", "flag", "--directory", "/d"]).settings()?;
        assert_eq!((settings.options.slots, settings.options.name.0.as_str()), (7, "flag"));
        assert_eq!(settings.options.labels.keys().collect::<Vec<_>>(), ["gpu"]);
        assert_eq!(settings.options.coordinator.to_string(), COORDINATOR_DEFAULT);
        let settings =
            arguments(&["--config", &config, "--label", "a=b", "--label", "c", "--directory", "/d"]).settings()?;
        assert_eq!(settings.options.labels.keys().collect::<Vec<_>>(), ["a", "c"]);
        Ok(())
    }

    #[test]
    fn a_file_with_an_unknown_key_is_refused_and_says_which() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("agent.toml");
        std::fs::write(&file, "slot = 7\n")?;
        let error = arguments(&["--config", &file.display().to_string()]).settings().expect_err("`slot` is no key");
        assert!(format!("{error:#}").contains("slot"), "{error:#}");
        Ok(())
    }
}
