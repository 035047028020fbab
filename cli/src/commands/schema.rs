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
    #[arg(long, conflicts_with = "report")]
    run_spec: bool,
    /// Of what --report FILE writes instead
    #[arg(long)]
    report: bool,
}

impl PrintSchema {
    /// Prints it.
    pub(crate) fn run(&self) -> Result<ExitCode, Failure> {
        print_json(&match (self.run_spec, self.report) {
            (true, _) => run_spec_schema(),
            (false, true) => crate::proof::schema(),
            (false, false) => schema(),
        })?;
        Ok(ExitCode::Passed)
    }
}
