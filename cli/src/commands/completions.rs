//! `muster completions`: for the shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit_code::ExitCode;

/// Print a script that completes muster's command line in a shell
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints it.
    pub(crate) fn run(&self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "muster", &mut script);
        super::print(&String::from_utf8_lossy(&script));
        ExitCode::Passed
    }
}
