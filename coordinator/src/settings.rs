//! Settings: flags, then environment, then the file, then defaults; the first that says something counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Parser;
use muster_common::pipeline::nearest;
use muster_coordinator::{Listen, Options};
use muster_service::telemetry::{LogFormat, TelemetryOptions};
use serde::Deserialize;

use super::operation::Operation;

/// The durable queue of a fleet of agents.
///
/// Each setting can be given as a flag, as an environment variable, or in a TOML file under the flag's name with `_` for
/// `-`. Flags are stronger than the environment, the environment is stronger than the file, the file is stronger than
/// the defaults.
///
/// Without a command it serves. Backups are taken, put back and checked by the commands.
#[derive(Debug, Parser)]
#[command(name = "muster-coordinator", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) operation: Option<Operation>,
    /// File with settings, in TOML
    #[arg(long, env = "MUSTER_COORDINATOR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
}

/// What a coordinator runs with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) telemetry: TelemetryOptions,
}

#[derive(Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Given {
    /// Data directory: rows, blobs, logs. Made if need be; only one coordinator can use it at a time
    #[arg(long, env = "MUSTER_COORDINATOR_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen: ADDRESS:PORT (port 0: any free one) or unix:/PATH [default: 127.0.0.1:7000]
    #[arg(long, env = "MUSTER_COORDINATOR_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// Serve plaintext on addresses that other machines reach; for trusted networks only
    #[arg(long, env = "MUSTER_COORDINATOR_INSECURE", num_args = 0..=1, default_missing_value = "true")]
    insecure: Option<bool>,
    /// Time between an agent's heartbeats, in milliseconds [default: 1500]
    #[arg(long, env = "MUSTER_COORDINATOR_HEARTBEAT_MS", value_name = "MS")]
    heartbeat_ms: Option<u64>,
    /// Silence after which an agent's repeatable work is given to others, in milliseconds [default: 5000]
    #[arg(long, env = "MUSTER_COORDINATOR_LEASE_MS", value_name = "MS")]
    lease_ms: Option<u64>,
    /// The same for work that is not safe to repeat, in milliseconds [default: 300000]
    #[arg(long, env = "MUSTER_COORDINATOR_LEASE_UNREPEATABLE_MS", value_name = "MS")]
    lease_unrepeatable_ms: Option<u64>,
    /// Time that agents have to come back after a restart, in milliseconds [default: 60000]
    #[arg(long, env = "MUSTER_COORDINATOR_RESTORE_GRACE_MS", value_name = "MS")]
    restore_grace_ms: Option<u64>,
    /// Refuse runs that no connected agent could ever run, rather than wait for new agents [default: false]
    #[arg(long, env = "MUSTER_COORDINATOR_REFUSE_UNSATISFIABLE", num_args = 0..=1, default_missing_value = "true")]
    refuse_unsatisfiable: Option<bool>,
    /// Give no work to agents that were found sick [default: true]
    #[arg(long, env = "MUSTER_COORDINATOR_FENCE_SICK_AGENTS", num_args = 0..=1, default_missing_value = "true")]
    fence_sick_agents: Option<bool>,
    /// Projects whose flaky tests are put into quarantine without a person, with commas between; `*`: all [default: none]
    #[arg(long, env = "MUSTER_COORDINATOR_AUTO_QUARANTINE", value_name = "PROJECTS", value_delimiter = ',')]
    auto_quarantine: Option<Vec<String>>,
    /// Bytes of the disk that blobs leave free [default: 268435456]
    #[arg(long, env = "MUSTER_COORDINATOR_FREE_BYTES_MIN", value_name = "BYTES")]
    free_bytes_min: Option<u64>,
    /// What to log, such as `info` or `info,muster_coordinator=debug` [default: info]
    #[arg(long, env = "MUSTER_COORDINATOR_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// `text` or `json` [default: text]
    #[arg(long, env = "MUSTER_COORDINATOR_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Arguments {
    /// Reads the file, if there is one, and puts everything together.
    pub(crate) fn settings(self) -> anyhow::Result<Settings> {
        let file = self.config.as_deref().map(read).transpose()?.unwrap_or_default();
        self.given.or(file).settled()
    }
}

impl Given {
    fn or(self, weaker: Self) -> Self {
        Self {
            data: self.data.or(weaker.data),
            listen: self.listen.or(weaker.listen),
            insecure: self.insecure.or(weaker.insecure),
            heartbeat_ms: self.heartbeat_ms.or(weaker.heartbeat_ms),
            lease_ms: self.lease_ms.or(weaker.lease_ms),
            lease_unrepeatable_ms: self.lease_unrepeatable_ms.or(weaker.lease_unrepeatable_ms),
            restore_grace_ms: self.restore_grace_ms.or(weaker.restore_grace_ms),
            refuse_unsatisfiable: self.refuse_unsatisfiable.or(weaker.refuse_unsatisfiable),
            fence_sick_agents: self.fence_sick_agents.or(weaker.fence_sick_agents),
            auto_quarantine: self.auto_quarantine.or(weaker.auto_quarantine),
            free_bytes_min: self.free_bytes_min.or(weaker.free_bytes_min),
            log: self.log.or(weaker.log),
            log_format: self.log_format.or(weaker.log_format),
        }
    }

    fn settled(self) -> anyhow::Result<Settings> {
        let data = self.data.ok_or_else(|| anyhow!("no data directory is given: pass --data DIR"))?;
        let listen: Listen = self.listen.as_deref().unwrap_or(LISTEN_DEFAULT).parse().map_err(anyhow::Error::msg)?;
        let mut options = Options::new(data, listen);
        options.is_insecure_allowed = self.insecure.unwrap_or(false);
        let scheduler = &mut options.scheduler;
        let set = |time: &mut Duration, given: Option<u64>, name: &str| match given {
            Some(0) => bail!("{name} is 0; give a number of milliseconds above 0"),
            Some(millis) => {
                *time = Duration::from_millis(millis);
                Ok(())
            }
            None => Ok(()),
        };
        set(&mut scheduler.heartbeat, self.heartbeat_ms, "heartbeat-ms")?;
        set(&mut scheduler.lease, self.lease_ms, "lease-ms")?;
        set(&mut scheduler.lease_unrepeatable, self.lease_unrepeatable_ms, "lease-unrepeatable-ms")?;
        set(&mut scheduler.restore_grace, self.restore_grace_ms, "restore-grace-ms")?;
        if scheduler.lease < 2 * scheduler.heartbeat {
            bail!(
                "lease-ms is {} and heartbeat-ms is {}: a lease must outlast two heartbeats, or every delay loses an agent",
                scheduler.lease.as_millis(),
                scheduler.heartbeat.as_millis()
            );
        }
        scheduler.refuse_unsatisfiable = self.refuse_unsatisfiable.unwrap_or(scheduler.refuse_unsatisfiable);
        scheduler.fence_sick_agents = self.fence_sick_agents.unwrap_or(scheduler.fence_sick_agents);
        scheduler.auto_quarantine = self.auto_quarantine.unwrap_or_default().into_iter().collect();
        options.free_bytes_min = self.free_bytes_min.unwrap_or(options.free_bytes_min);
        let format = match self.log_format.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => bail!("`{other}` is not a log format: write `text` or `json`"),
        };
        let filter = self.log.unwrap_or_else(|| LOG_DEFAULT.to_owned());
        Ok(Settings { options, telemetry: TelemetryOptions { filter, format } })
    }
}

fn read(path: &Path) -> anyhow::Result<Given> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the settings in {}", path.display()))?;
    parse(&text).with_context(|| format!("cannot use the settings in {}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Given> {
    let table: toml::Table = text.parse()?;
    for key in table.keys() {
        if !KEYS.contains(&key.as_str()) {
            let meant = nearest(key, KEYS.iter().copied());
            let hint = meant
                .map_or_else(|| format!("known are {}", KEYS.join(", ")), |meant| format!("did you mean `{meant}`?"));
            bail!("`{key}` is not a setting; {hint}");
        }
    }
    Ok(toml::from_str(text)?)
}

const LISTEN_DEFAULT: &str = "127.0.0.1:7000";
const LOG_DEFAULT: &str = "info";
const KEYS: &[&str] = &[
    "data",
    "listen",
    "insecure",
    "heartbeat_ms",
    "lease_ms",
    "lease_unrepeatable_ms",
    "restore_grace_ms",
    "refuse_unsatisfiable",
    "fence_sick_agents",
    "auto_quarantine",
    "free_bytes_min",
    "log",
    "log_format",
];

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn flags_are_stronger_than_the_file_and_the_file_is_stronger_than_the_defaults() {
        let file = parse("data = \"/file\"\nlease_ms = 7000\ninsecure = true").expect("it is right");
        let flags = Given { data: Some("/flag".into()), ..Given::default() };
        let settings = flags.or(file).settled().expect("they fit together");
        assert_eq!(settings.options.data, PathBuf::from("/flag"));
        assert_eq!(settings.options.scheduler.lease, Duration::from_secs(7));
        assert_eq!(settings.options.scheduler.heartbeat, Duration::from_millis(1_500));
        assert!(settings.options.is_insecure_allowed);
    }

    #[test]
    fn an_unknown_key_is_refused_with_what_may_have_been_meant() {
        let error = parse("lease-sm = 1").expect_err("there is no such key");
        assert_eq!(error.to_string(), "`lease-sm` is not a setting; did you mean `lease_ms`?");
        assert!(parse("data = 1").is_err());
    }

    #[test]
    fn every_flag_is_a_key_of_the_file() {
        let command = Arguments::command();
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        let mut flags: Vec<String> =
            flags.filter(|flag| *flag != "config").map(|flag| flag.replace('-', "_")).collect();
        flags.sort();
        let mut keys = KEYS.to_vec();
        keys.sort_unstable();
        assert_eq!(flags, keys);
    }

    #[test]
    fn a_lease_that_does_not_outlast_two_heartbeats_is_refused() {
        let given = Given { data: Some("/d".into()), lease_ms: Some(2_000), ..Given::default() };
        assert!(given.settled().is_err());
    }
}
