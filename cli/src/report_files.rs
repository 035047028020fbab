//! The files that are made of a report when a run has ended.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::origin::Origin;
use crate::output::ctrf::ctrf;
use crate::output::file::OutputFile;
use crate::output::junit::junit;
use crate::output::reporter::Details;
use crate::proof::{self, Document};
use crate::report::Report;

/// Which files are wanted.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FileArguments {
    /// Write the report as JSON to this file; `muster verify-report` checks it
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write the report as JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write the report in the Common Test Report Format (JSON) to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) ctrf: Option<PathBuf>,
}

/// The files, known to be writable.
#[derive(Debug)]
pub(crate) struct ReportFiles {
    report: Option<OutputFile>,
    junit: Option<OutputFile>,
    ctrf: Option<OutputFile>,
}

impl FileArguments {
    /// Whether any file is wanted.
    pub(crate) const fn is_any(&self) -> bool {
        self.report.is_some() || self.junit.is_some() || self.ctrf.is_some()
    }
}

impl ReportFiles {
    /// Finds out whether they can be written.
    pub(crate) fn check(wanted: &FileArguments) -> Result<Self, Failure> {
        let file = |path: &Option<PathBuf>, what| path.as_deref().map(|path| OutputFile::check(path, what)).transpose();
        Ok(Self {
            report: file(&wanted.report, "report")?,
            junit: file(&wanted.junit, "JUnit file")?,
            ctrf: file(&wanted.ctrf, "CTRF file")?,
        })
    }

    /// Whether runners have to be known.
    pub(crate) const fn wants_origin(&self) -> bool {
        self.junit.is_some() || self.ctrf.is_some()
    }

    /// Writes them.
    pub(crate) fn write(&self, report: &Report, details: &Details, origin: &Origin) -> Result<(), Failure> {
        if let Some(file) = &self.report {
            file.write(&proof::to_bytes(&Document::of(report)))?;
        }
        if let Some(file) = &self.junit {
            let xml = junit(report, details, &origin.runners)
                .map_err(|error| Failure::infrastructure("cannot make the JUnit XML").because(error))?;
            file.write(&xml)?;
        }
        if let Some(file) = &self.ctrf {
            file.write(&ctrf(report, details, origin))?;
        }
        Ok(())
    }
}
