//! From the command line to the exit code.

use clap::Parser as _;
use muster_service::telemetry::{self, LogFormat, TelemetryOptions};

use crate::arguments::Arguments;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::json::Json;

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let is_json = arguments.command.is_json();
    let outcome = start_logs().and_then(|()| {
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Failure::infrastructure("cannot start the threads of this process").because(error))?;
        let outcome = runtime.block_on(arguments.command.run());
        // What still blocks, such as a read of standard input, must not keep the process.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|failure| {
        if is_json {
            Json::to_stdout().error(&failure);
        }
        if let Some(body) = failure.body() {
            anstream::eprintln!("{body}\n");
        }
        anstream::eprintln!("{ERROR}error:{ERROR:#} {failure}");
        failure.exit
    })
}

fn start_logs() -> Result<(), Failure> {
    let options = TelemetryOptions { filter: "error".to_owned(), format: LogFormat::Text };
    telemetry::init(&options).map_err(|error| Failure::usage("cannot start the log").because(error))
}

const ERROR: clap::builder::styling::Style = clap::builder::styling::AnsiColor::Red.on_default().bold();
