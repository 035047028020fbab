//! [`Json`]: tells programs how a run goes.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use muster_proto::v1;

use super::event::{Event, Line};
use super::list::{ReasonJson, TestCountsJson};
use super::words::{kind_word, outcome_word, try_word, verdict_word};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::reporter::{Connection, Details, Preparation, Reporter};
use crate::report::Report;
use crate::run_view::{News, RunView};

/// Writes one JSON object a line.
#[derive(Debug)]
pub(crate) struct Json<W> {
    out: W,
    clock: fn() -> u64,
    is_lost: bool,
}

impl Json<io::Stdout> {
    /// To standard output.
    pub(crate) fn to_stdout() -> Self {
        Self { out: io::stdout(), clock: unix_ms, is_lost: false }
    }
}

impl<W: Write> Json<W> {
    /// The command failed.
    pub(crate) fn error(&mut self, failure: &Failure) {
        self.write(Event::Error {
            message: failure.summary(),
            advice: failure.advice(),
            diagnostics: failure.diagnostics(),
            exit_code: failure.exit.number(),
        });
    }

    fn write(&mut self, event: Event<'_>) {
        let line = Line { unix_ms: (self.clock)(), event };
        // A closed pipe is no reason to stop: the run goes on, and its verdict is told by the exit code.
        let written = serde_json::to_writer(&mut self.out, &line)
            .map_err(io::Error::from)
            .and_then(|()| self.out.write_all(b"\n"))
            .and_then(|()| self.out.flush());
        if let Err(error) = written {
            tracing::debug!(%error, "standard output takes nothing");
        }
    }
}

impl<W: Write + Send> Reporter for Json<W> {
    fn found(&mut self, _: &str) {}

    fn preparing(&mut self, step: &Preparation) {
        match step {
            Preparation::Recognised { runner, evidence, .. } => {
                self.write(Event::RunnerRecognised { runner, evidence })
            }
            Preparation::StartingAgents { agents } => self.write(Event::AgentsStarting { agents: *agents }),
            Preparation::Selected { .. } | Preparation::Scanning { .. } | Preparation::Uploading { .. } => {}
            Preparation::Uploaded { files, total_bytes, sent_bytes } => self.write(Event::WorkspaceUploaded {
                files: *files,
                total_bytes: *total_bytes,
                sent_bytes: *sent_bytes,
            }),
        }
    }

    fn warn(&mut self, text: &str) {
        self.write(Event::Warning { message: text });
    }

    fn submitted(&mut self, run: u64, coordinator: &str) {
        self.write(Event::RunSubmitted { run, coordinator });
    }

    fn wants_output(&self, _: &v1::TestFinished) -> bool {
        false
    }

    fn news(&mut self, view: &RunView, news: &News, _: Option<&[u8]>) {
        let job = |number: &u32| view.jobs.get(number).map(|view| &view.job);
        match news {
            News::RunChanged | News::ShardsChanged | News::RunEnded(_) => {}
            News::JobQueued(number) => {
                let waiting_for = job(number).map_or("", |job| job.waiting_for.as_str());
                self.write(Event::JobQueued { job: *number, job_name: view.job_name(*number), waiting_for });
            }
            News::JobStarted(number) => {
                let kind = job(number).map_or("unknown", |job| kind_word(job.kind()));
                self.write(Event::JobStarted { job: *number, job_name: view.job_name(*number), kind });
            }
            News::TestsDiscovered(number) => {
                let tests = job(number).and_then(|job| job.tests).map_or(0, |tests| tests.discovered);
                self.write(Event::TestsDiscovered { job: *number, job_name: view.job_name(*number), tests });
            }
            News::TryEnded(finished) => self.try_ended(view, finished),
            News::JobEnded(number) => {
                if let Some(job) = job(number) {
                    self.write(Event::JobFinished {
                        job: *number,
                        job_name: &job.name,
                        kind: kind_word(job.kind()),
                        outcome: outcome_word(job.outcome()),
                        reason: job.reason.as_ref().map(ReasonJson::of),
                        tests: job.tests.map(TestCountsJson::of),
                    });
                }
            }
        }
    }

    fn tick(&mut self, _: &RunView) {}

    fn connection(&mut self, _: &RunView, connection: Connection) {
        match connection {
            Connection::Lost if !self.is_lost => {
                self.is_lost = true;
                self.write(Event::ConnectionLost {});
            }
            Connection::Made if self.is_lost => {
                self.is_lost = false;
                self.write(Event::ConnectionRestored {});
            }
            Connection::Lost | Connection::Made => {}
        }
    }

    fn cancelling(&mut self, run: u64) {
        self.write(Event::RunCancelling { run });
    }

    fn finished(&mut self, report: &Report, _: &Details, exit: ExitCode) {
        let tally = report.tally();
        self.write(Event::RunFinished {
            run: report.run.run,
            project: &report.run.project,
            name: &report.run.name,
            outcome: outcome_word(report.outcome()),
            reason: report.run.reason.as_ref().map(ReasonJson::of),
            discovered: report.jobs().map(|job| job.tests.map_or(0, |tests| tests.discovered)).sum(),
            passed: tally.passed,
            failed: tally.failed,
            flaky: tally.flaky,
            skipped: tally.skipped,
            errored: tally.errored,
            without_verdict: tally.open,
            disagreement: report.accounting().err().map(|error| error.to_string()),
            elapsed_ms: u64::try_from(report.elapsed().as_millis()).unwrap_or(u64::MAX),
            exit_code: exit.number(),
        });
    }
}

impl<W: Write> Json<W> {
    fn try_ended(&mut self, view: &RunView, finished: &v1::TestFinished) {
        let Some(a_try) = &finished.r#try else { return };
        self.write(Event::TestFinished {
            job: finished.job,
            job_name: view.job_name(finished.job),
            test: &finished.name,
            test_index: finished.test,
            attempt: a_try.attempt,
            outcome: try_word(a_try.outcome()),
            verdict: verdict_word(finished.verdict()),
            duration_us: a_try.duration_us,
            message: &a_try.message,
            agent: &a_try.agent,
        });
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::documented::is_documented;
    use super::*;
    use crate::report::samples::{job, report, test, tests_job};
    use v1::watch_run_response::Event as Told;

    fn tell(reporter: &mut dyn Reporter, events: Vec<Told>) {
        let mut view = RunView::default();
        for event in events {
            for news in view.apply(event, Instant::now()) {
                reporter.news(&view, &news, None);
            }
        }
    }

    #[test]
    fn every_event_has_its_published_fields() {
        let mut json = Json { out: Vec::new(), clock: || 1_760_000_000_000, is_lost: false };
        let flaky = test(0, "tests::takes \"ab\"", v1::TestVerdict::Flaky);
        let tests = vec![flaky.clone()];
        let unit = tests_job(0, &tests);
        let mut queued = unit.clone();
        queued.set_state(v1::JobState::Queued);
        queued.set_outcome(v1::Outcome::Unspecified);
        queued.started_unix_ms = None;
        queued.tests = None;
        queued.waiting_for = "all slots are busy".to_owned();
        let mut lint = job(1, "lint", v1::JobKind::Steps);
        lint.set_outcome(v1::Outcome::Failed);
        lint.reason = Some(v1::Reason { code: "exit_status".to_owned(), message: "ended with status 1".to_owned() });
        let report = report(v1::Outcome::Failed, vec![unit, lint], tests);

        let evidence = "Cargo.toml".to_owned();
        json.preparing(&Preparation::Recognised { runner: "cargo-test", evidence, others: vec!["pytest"] });
        json.preparing(&Preparation::StartingAgents { agents: 4 });
        json.preparing(&Preparation::Uploaded { files: 3, total_bytes: 300, sent_bytes: 100 });
        json.warn("left out: a.sock");
        json.submitted(12, "http://127.0.0.1:7000");
        let tries = flaky.tries.iter().map(|a_try| {
            let verdict = if a_try.attempt == 2 { flaky.verdict } else { 0 };
            let finished = v1::TestFinished {
                is_quarantined: false,
                job: 0,
                test: 0,
                name: flaky.name.clone(),
                r#try: Some(a_try.clone()),
                verdict: Some(verdict),
            };
            Told::TestFinished(finished)
        });
        let snapshot = v1::Run { run: 12, jobs: vec![queued], ..v1::Run::default() };
        let mut events = vec![Told::Snapshot(snapshot), Told::CaughtUp(v1::CaughtUp {})];
        events.extend(tries);
        events.push(Told::RunFinished(report.run.clone()));
        tell(&mut json, events);
        json.connection(&RunView::default(), Connection::Lost);
        json.connection(&RunView::default(), Connection::Made);
        json.cancelling(12);
        json.finished(&report, &Details::default(), ExitCode::BuildFailed);
        json.error(&Failure::usage("`x` is no runner").advise("choose one of …"));
        let text = String::from_utf8_lossy(&json.out).into_owned();
        for line in text.lines() {
            is_documented(&serde_json::from_str(line).expect("each line is an object"));
        }
        insta::assert_snapshot!(text);
    }
}
