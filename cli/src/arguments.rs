//! The command line, and what several commands share on it.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser};
use jiff::SignedDuration;
use muster_common::limits::ENV_VARIABLE_BYTES_MAX;

use crate::commands::Command;
use crate::exit_code;
use crate::output::ci::CiName;
use crate::report_files::FileArguments;

/// Runs builds and tests on a fleet of agents, or on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version,
    styles = STYLES,
    after_help = exit_code::help(),
    arg_required_else_help = true,
    subcommand_required = true,
    propagate_version = true
)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which coordinator a command speaks to.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Coordinator")]
pub(crate) struct Place {
    /// Coordinator to use, as http://HOST:PORT or unix:/PATH. Without it, one inside this process
    #[arg(long, value_name = "URL", env = "MUSTER_COORDINATOR", hide_env_values = true)]
    pub(crate) coordinator: Option<String>,
    /// Allow plaintext to a coordinator on another machine: only on networks that are trusted
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Data directory of the coordinator inside this process [default: a directory of the project's own beneath
    /// $XDG_STATE_HOME/muster or ~/.local/state/muster]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// How a run is shown.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Show {
    /// Write one JSON object a line to standard output (docs/reference/json-events.md)
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) files: FileArguments,
    /// CI system that is told of the run, by annotations, summaries and groups in the log
    #[arg(long, value_name = "NAME", value_enum, default_value_t)]
    pub(crate) ci: CiName,
}

impl Place {
    /// The coordinator that is named; an empty name is none.
    pub(crate) fn coordinator_url(&self) -> Option<&str> {
        self.coordinator.as_deref().filter(|url| !url.is_empty())
    }
}

/// The agents inside this process.
#[derive(Clone, Debug, Args)]
pub(crate) struct Agents {
    /// Agents inside this process, with one slot each [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=AGENTS_MAX))]
    pub(crate) agents: Option<u32>,
    /// Label of the agents inside this process, for jobs that ask for it with `runs-on`
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = muster_agent::options::parse_label)]
    pub(crate) labels: Vec<(String, String)>,
}

/// A variable as `--env KEY=VALUE` gives it.
pub(crate) fn parse_variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.chars().all(is_of_name) {
        return Err(format!("`{name}` is no name of a variable: letters, digits and _, not beginning with a digit"));
    }
    if value.contains('\0') || text.len() > ENV_VARIABLE_BYTES_MAX {
        return Err(format!("the value of {name} holds a zero byte or is longer than {ENV_VARIABLE_BYTES_MAX} bytes"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A span such as `90s`, `10m`, `1h 30m`, or a number of seconds.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let span = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|span| Duration::try_from(span).ok())
            .ok_or("write a span such as 90s, 10m or 1h30m")?,
    };
    if span.is_zero() { Err("it must be longer than nothing".to_owned()) } else { Ok(span) }
}

/// Most agents inside one process.
const AGENTS_MAX: i64 = 1_024;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn variables_are_checked() {
        assert_eq!(parse_variable("A_1=b=c"), Ok(("A_1".to_owned(), "b=c".to_owned())));
        assert_eq!(parse_variable("A="), Ok(("A".to_owned(), String::new())));
        for text in ["A", "=b", "1A=b", "A B=c", "A=\0"] {
            assert!(parse_variable(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5_400), ("1h 30m", 5_400)] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "-5m", "ten", "5 parsecs"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
