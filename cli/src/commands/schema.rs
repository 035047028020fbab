//! `muster schema`: for editors and generators.

use clap::Args;
use muster_common::pipeline::{run_spec_schema, schema};

use super::print_json;
use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// Print the JSON Schema of pipeline files
#[derive(Debug, Args)]
pub(crate) struct PrintSchema {
    /// Of what `muster compile --json` prints instead
    #[arg(long)]
    run_spec: bool,
}

impl PrintSchema {
    /// Prints it.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        print_json(&if self.run_spec { run_spec_schema() } else { schema() })?;
        Ok(ExitCode::Passed)
    }
}
