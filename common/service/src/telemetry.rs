//! Logs of a process, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// Levels by target, such as `info` or `info,muster_coordinator=debug`. `MUSTER_LOG` overrides it.
    pub filter: String,
    /// The format.
    pub format: LogFormat,
}

/// Logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("`{filter}` is not a log filter: write for example `info` or `info,muster_coordinator=debug`")]
    Filter {
        /// The text.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else has set them up before.
    #[error("logs are set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logs for this process.
///
/// # Errors
/// If the filter cannot be read, or logs were set up before.
pub fn init(options: &TelemetryOptions) -> Result<(), TelemetryError> {
    let text = std::env::var("MUSTER_LOG").unwrap_or_else(|_| options.filter.clone());
    let filter = EnvFilter::builder().parse(&text).map_err(|source| TelemetryError::Filter { filter: text, source })?;
    let has_colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(has_colours);
    match options.format {
        LogFormat::Text => builder.finish().try_init()?,
        LogFormat::Json => builder.json().finish().try_init()?,
    }
    Ok(())
}
