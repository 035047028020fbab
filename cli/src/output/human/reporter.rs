//! [`Human`]: tells people how a run goes.

use muster_proto::v1;

use super::block::{output_block, try_block};
use super::screen::Screen;
use super::style::{BOLD, DIM, YELLOW, paint, painted_outcome};
use super::summary::summary;
use crate::exit_code::ExitCode;
use crate::output::reporter::{Connection, Details, Preparation, Reporter};
use crate::output::text::{bytes, counted, first_line, one_line};
use crate::report::Report;
use crate::run_view::{News, RunView};

/// Writes for people, to standard output.
pub(crate) struct Human {
    screen: Screen,
    more: String,
    is_lost: bool,
    failures_told: u32,
}

impl Human {
    /// Nothing is shown yet.
    pub(crate) fn new() -> Self {
        Self { screen: Screen::new(), more: String::new(), is_lost: false, failures_told: 0 }
    }

    fn try_ended(&mut self, view: &RunView, finished: &v1::TestFinished, output: Option<&[u8]>) {
        let Some(a_try) = finished.r#try.as_ref().filter(|_| is_told(finished)) else { return };
        self.failures_told += 1;
        if self.failures_told > FAILURES_AT_ONCE_MAX {
            if self.failures_told == FAILURES_AT_ONCE_MAX + 1 {
                self.screen.print("… further failures are shown at the end\n");
            }
            return;
        }
        let verdict = Some(finished.verdict()).filter(|verdict| *verdict != v1::TestVerdict::Unspecified);
        let mut text = try_block(view.job_name(finished.job), &finished.name, a_try, verdict);
        text.push_str(&output.map(output_block).unwrap_or_default());
        self.screen.print(&text);
    }

    fn job_ended(&mut self, view: &RunView, job: u32) {
        let Some(job) = view.jobs.get(&job).map(|view| &view.job) else { return };
        let reason = job.reason.as_ref().map_or(String::new(), |reason| format!(": {}", first_line(&reason.message)));
        self.screen.print(&format!(
            "{} {}{reason}\n",
            paint(BOLD, one_line(&job.name)),
            painted_outcome(job.outcome())
        ));
    }
}

impl Reporter for Human {
    fn found(&mut self, more: &str) {
        more.clone_into(&mut self.more);
    }

    fn preparing(&mut self, step: &Preparation) {
        match step {
            Preparation::Recognised { runner, evidence, others } => {
                let mut text = format!("runner: {runner} (because of {})", one_line(evidence));
                if !others.is_empty() {
                    text.push_str(&format!("; --runner chooses another: {}", others.join(", ")));
                }
                self.screen.preparing(&paint(DIM, text), true);
            }
            Preparation::Selected { what } => self.screen.preparing(&paint(DIM, one_line(what)), true),
            Preparation::StartingAgents { agents } => {
                self.screen.preparing(&format!("starting {}", counted(*agents, "agent")), false);
            }
            Preparation::Scanning { files } => {
                self.screen.preparing(&format!("reading the workspace, {}", counted(*files, "file")), false)
            }
            Preparation::Uploading { done_bytes, total_bytes } => {
                let text = format!("uploading the workspace, {} of {}", bytes(*done_bytes), bytes(*total_bytes));
                self.screen.preparing(&text, false);
            }
            Preparation::Uploaded { files, total_bytes, sent_bytes } => {
                let text = format!(
                    "workspace: {}, {} ({} sent)",
                    counted(*files, "file"),
                    bytes(*total_bytes),
                    bytes(*sent_bytes)
                );
                self.screen.preparing(&paint(DIM, text), true);
            }
        }
    }

    fn warn(&mut self, text: &str) {
        self.screen.print(&format!("{} {}\n", paint(YELLOW, "warning:"), one_line(text)));
    }

    fn submitted(&mut self, run: u64, coordinator: &str) {
        self.screen.preparing("waiting for its first news", false);
        self.screen.print(&format!("run {} at {coordinator}\n", paint(BOLD, run)));
    }

    fn wants_output(&self, finished: &v1::TestFinished) -> bool {
        let is_first = finished.r#try.as_ref().is_some_and(|a_try| a_try.attempt == 1);
        self.failures_told < FAILURES_AT_ONCE_MAX && is_told(finished) && is_first
    }

    fn news(&mut self, view: &RunView, news: &News, output: Option<&[u8]>) {
        let mut is_new_phase = false;
        match news {
            News::RunChanged | News::ShardsChanged | News::JobQueued(_) => {}
            News::JobStarted(_) => is_new_phase = true,
            News::TestsDiscovered(job) => {
                is_new_phase = true;
                let found = view.jobs.get(job).and_then(|view| view.job.tests).map_or(0, |tests| tests.discovered);
                let name = one_line(view.job_name(*job));
                self.screen.print(&format!("{}: {} discovered\n", paint(BOLD, name), counted(found, "test")));
            }
            News::TryEnded(finished) => self.try_ended(view, finished, output),
            News::JobEnded(job) => self.job_ended(view, *job),
            News::RunEnded(_) => {
                self.screen.close();
                return;
            }
        }
        self.screen.show(view, is_new_phase);
    }

    fn tick(&mut self, view: &RunView) {
        self.screen.show(view, false);
    }

    fn connection(&mut self, _: &RunView, connection: Connection) {
        match connection {
            Connection::Lost if !self.is_lost => {
                self.is_lost = true;
                self.screen.print(&paint(YELLOW, "the coordinator is gone; the run goes on, reconnecting …\n"));
            }
            Connection::Made if self.is_lost => {
                self.is_lost = false;
                self.screen.print("the coordinator is back\n");
            }
            Connection::Lost | Connection::Made => {}
        }
    }

    fn cancelling(&mut self, run: u64) {
        self.screen.print(&paint(YELLOW, format!("cancelling run {run}; once more to leave at once\n")));
    }

    fn finished(&mut self, report: &Report, details: &Details, exit: ExitCode) {
        self.screen.close();
        self.screen.print(&summary(report, details, exit, &self.more));
    }
}

impl Drop for Human {
    fn drop(&mut self) {
        self.screen.close();
    }
}

/// Whether people hear of this try at once.
fn is_told(finished: &v1::TestFinished) -> bool {
    let outcome = finished.r#try.as_ref().map(v1::TestTry::outcome);
    matches!(outcome, Some(v1::TryOutcome::Failed | v1::TryOutcome::Errored))
        || matches!(finished.verdict(), v1::TestVerdict::Failed | v1::TestVerdict::Errored | v1::TestVerdict::Flaky)
}

/// Failures that are written while the run goes on. The end shows all that fit there.
const FAILURES_AT_ONCE_MAX: u32 = 100;
