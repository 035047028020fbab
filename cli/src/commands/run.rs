//! `muster run`: a pipeline file.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::{Agents, Place, Show, parse_variable};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::project::PipelineFile;
use crate::stress::Stress;
use crate::submission::Submission;

/// Run a pipeline file
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Folder with a muster.yml, or a pipeline file; all files of the folder but the ignored ones go to the agents
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Pipeline file, in the current folder or in PATH [default: muster.yml in PATH]
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Variable for every job, stronger than those at the top of the file
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_variable)]
    env: Vec<(String, String)>,
    /// Print the number of the run and leave; `muster watch` follows it
    #[arg(long, conflicts_with_all = ["junit", "report", "ctrf"])]
    detach: bool,
    #[command(flatten)]
    stress: Stress,
    #[command(flatten)]
    agents: Agents,
    #[command(flatten)]
    pub(super) show: Show,
    #[command(flatten)]
    place: Place,
}

impl Run {
    /// Runs it.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let file = PipelineFile::find(&self.path, self.file.as_deref())?;
        let mut spec = file.compile(self.env.iter().cloned().collect())?;
        spec.stress = self.stress.spec(&file.project.folder)?;
        let submission = Submission {
            spec,
            folder: file.project.folder,
            place: &self.place,
            agents: &self.agents,
            show: &self.show,
            is_detached: self.detach,
            runner: None,
        };
        submission.run().await
    }
}
