//! GitLab CI: the course of a run is a section of the log that can be folded. Tests are shown from the JUnit file that
//! the job names under `artifacts: reports: junit`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Ci, Told};

/// One job of a pipeline.
#[derive(Debug)]
pub(super) struct Gitlab {
    top: Option<PathBuf>,
}

impl Gitlab {
    /// With the variables that GitLab sets.
    pub(super) const fn new(top: Option<PathBuf>) -> Self {
        Self { top }
    }
}

impl Ci for Gitlab {
    fn begin(&self) -> String {
        format!("\u{1b}[0Ksection_start:{}:{SECTION}\r\u{1b}[0KMuster\n", unix_seconds())
    }

    fn turn(&self) -> String {
        format!("\u{1b}[0Ksection_end:{}:{SECTION}\r\u{1b}[0K\n", unix_seconds())
    }

    fn end(&self, turned: bool) -> String {
        if turned { String::new() } else { self.turn() }
    }

    fn notices(&self, told: Told<'_>) -> String {
        if told.has_junit || told.report.tests.is_empty() {
            return String::new();
        }
        "GitLab shows these tests if --junit FILE writes what `artifacts: reports: junit` names\n".to_owned()
    }

    fn publish(&self, _: Told<'_>) -> Result<(), String> {
        Ok(())
    }

    fn top(&self) -> Option<&Path> {
        self.top.as_deref()
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const SECTION: &str = "muster_run";
