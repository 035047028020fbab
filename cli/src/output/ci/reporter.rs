//! [`InCi`]: what people read, inside the marks by which a CI system orders its log.

use std::io::{self, Write as _};
use std::sync::Arc;

use muster_proto::v1;

use super::Ci;
use crate::exit_code::ExitCode;
use crate::output::reporter::{Connection, Details, Preparation, Reporter};
use crate::report::Report;
use crate::run_view::{News, RunView};

/// Any reporter on standard output, with a CI system's marks around it.
pub(crate) struct InCi {
    inner: Box<dyn Reporter>,
    ci: Arc<dyn Ci>,
    is_open: bool,
}

impl InCi {
    /// Writes the first mark.
    pub(crate) fn begin(inner: Box<dyn Reporter>, ci: Arc<dyn Ci>) -> Self {
        write(&ci.begin());
        Self { inner, ci, is_open: true }
    }
}

impl Reporter for InCi {
    fn found(&mut self, more: &str) {
        self.inner.found(more);
    }

    fn preparing(&mut self, step: &Preparation) {
        self.inner.preparing(step);
    }

    fn warn(&mut self, text: &str) {
        self.inner.warn(text);
    }

    fn submitted(&mut self, run: u64, coordinator: &str) {
        self.inner.submitted(run, coordinator);
    }

    fn wants_output(&self, finished: &v1::TestFinished) -> bool {
        self.inner.wants_output(finished)
    }

    fn news(&mut self, view: &RunView, news: &News, output: Option<&[u8]>) {
        self.inner.news(view, news, output);
    }

    fn tick(&mut self, view: &RunView) {
        self.inner.tick(view);
    }

    fn connection(&mut self, view: &RunView, connection: Connection) {
        self.inner.connection(view, connection);
    }

    fn cancelling(&mut self, run: u64) {
        self.inner.cancelling(run);
    }

    fn finished(&mut self, report: &Report, details: &Details, exit: ExitCode) {
        write(&self.ci.turn());
        self.inner.finished(report, details, exit);
        self.is_open = false;
        write(&self.ci.end(true));
    }
}

impl Drop for InCi {
    fn drop(&mut self) {
        if self.is_open {
            write(&self.ci.end(false));
        }
    }
}

/// Past everything that takes control characters out: they are part of the marks.
fn write(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!(%error, "standard output takes nothing");
    }
}
