//! [`Reporter`]: what every way of showing a run has to answer.

use std::collections::BTreeMap;

use bytes::Bytes;
use muster_proto::v1;

use crate::exit_code::ExitCode;
use crate::report::Report;
use crate::run_view::{News, RunView};

/// Shows a run while it goes on, and its report at the end.
pub(crate) trait Reporter: Send {
    /// The coordinator is there. `more` is what has to be added to a command for it to find the same one.
    fn found(&mut self, more: &str);
    /// What is done before there is a run.
    fn preparing(&mut self, step: &Preparation);
    /// Something is unusual, and it goes on all the same.
    fn warn(&mut self, text: &str);
    /// The run has been accepted.
    fn submitted(&mut self, run: u64, coordinator: &str);
    /// Whether what a test wrote in this try is to be fetched for [`Reporter::news`].
    fn wants_output(&self, finished: &v1::TestFinished) -> bool;
    /// Something has happened.
    fn news(&mut self, view: &RunView, news: &News, output: Option<&[u8]>);
    /// A moment has passed.
    fn tick(&mut self, view: &RunView);
    /// The connection to the coordinator came or went.
    fn connection(&mut self, view: &RunView, connection: Connection);
    /// The run is being cancelled because this command was asked to stop.
    fn cancelling(&mut self, run: u64);
    /// The run has ended.
    fn finished(&mut self, report: &Report, details: &Details, exit: ExitCode);
}

/// A step on the way to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// The test runner was not named, but found.
    Recognised {
        /// Its name.
        runner: &'static str,
        /// What speaks for it.
        evidence: String,
        /// Other runners that would do.
        others: Vec<&'static str>,
    },
    /// Only a part of an earlier run is run.
    Selected {
        /// Which part.
        what: String,
    },
    /// Coordinator and agents start inside this process.
    StartingAgents {
        /// How many.
        agents: u32,
    },
    /// The workspace's files are read.
    Scanning {
        /// How many so far.
        files: u64,
    },
    /// What the coordinator does not have is sent.
    Uploading {
        /// Bytes that are stored.
        done_bytes: u64,
        /// Bytes of the workspace.
        total_bytes: u64,
    },
    /// The workspace is stored.
    Uploaded {
        /// How many files it has.
        files: u64,
        /// Their size.
        total_bytes: u64,
        /// What had to be sent.
        sent_bytes: u64,
    },
}

/// The connection to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// It is there, perhaps again.
    Made,
    /// It broke; it will be tried again.
    Lost,
}

/// What is fetched for the report beyond the verdicts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// What tries of tests wrote, by job, test and attempt.
    pub(crate) outputs: BTreeMap<(u32, u32, u32), Bytes>,
    /// Ends of the logs of jobs that did not pass.
    pub(crate) log_tails: BTreeMap<u32, LogTail>,
}

/// The end of a job's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogTail {
    /// Its last lines.
    pub(crate) lines: Vec<String>,
    /// How many lines stand before them.
    pub(crate) lines_before: u64,
}
