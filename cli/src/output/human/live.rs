//! The picture on a terminal: what runs now, a bar with the counts, time that passed and time that is left.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use muster_proto::v1;

use super::style::{DIM, GREEN, RED, YELLOW, paint};
use crate::output::text::{counted, one_line, whole_seconds};
use crate::run_view::RunView;

/// Lines that are drawn anew at the foot of the terminal.
pub(super) struct Live {
    began: Instant,
    is_coloured: bool,
    all: MultiProgress,
    running: Vec<ProgressBar>,
    status: ProgressBar,
}

impl Live {
    /// An empty picture.
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(12));
        let status = all.add(ProgressBar::no_length().with_style(style("{spinner} {wide_msg}")));
        Self { began: Instant::now(), is_coloured: is_coloured(), all, running: Vec::new(), status }
    }

    /// Runs `write`, which writes lines, with the picture out of the way.
    pub(super) fn above(&self, write: impl FnOnce()) {
        self.all.suspend(write);
    }

    /// Says what is done before there is a run.
    pub(super) fn preparing(&mut self, text: &str) {
        self.status.set_message(self.plain(text.to_owned()));
        self.status.tick();
    }

    /// Draws how the run stands.
    pub(super) fn show(&mut self, view: &RunView) {
        self.show_running(&running_lines(view));
        if view.discovered() > 0 {
            self.status.set_style(style("{spinner} {bar:24} {wide_msg}"));
            self.status.set_length(u64::from(view.discovered()));
            self.status.set_position(u64::from(view.tally().decided()));
        }
        self.status.set_message(self.plain(status_line(view, self.began.elapsed())));
        self.status.tick();
    }

    /// Takes the picture away.
    pub(super) fn close(&mut self) {
        self.show_running(&[]);
        self.status.finish_and_clear();
    }

    fn show_running(&mut self, lines: &[String]) {
        while self.running.len() > lines.len() {
            if let Some(bar) = self.running.pop() {
                bar.finish_and_clear();
                self.all.remove(&bar);
            }
        }
        while self.running.len() < lines.len() {
            let bar = ProgressBar::no_length().with_style(style("  {wide_msg}"));
            self.running.push(self.all.insert_before(&self.status, bar));
        }
        for (bar, line) in self.running.iter().zip(lines) {
            bar.set_message(self.plain(line.clone()));
        }
    }

    fn plain(&self, text: String) -> String {
        if self.is_coloured { text } else { console::strip_ansi_codes(&text).into_owned() }
    }
}

/// The picture does not go through what decides this for all other lines.
fn is_coloured() -> bool {
    !matches!(anstream::AutoStream::choice(&std::io::stdout()), anstream::ColorChoice::Never)
}

fn running_lines(view: &RunView) -> Vec<String> {
    let mut lines = Vec::new();
    for job in view.jobs.values().filter(|job| job.job.state() == v1::JobState::Running) {
        let name = one_line(&job.job.name);
        if job.job.kind() != v1::JobKind::Tests {
            lines.push(name.clone());
        } else if job.running.is_empty() {
            let what =
                if job.job.tests.is_some_and(|tests| tests.is_sealed) { "starting" } else { "listing its tests" };
            lines.push(format!("{name}  {}", paint(DIM, what)));
        }
        for (test, since) in &job.running {
            let seconds = paint(DIM, format!("{:>5}", whole_seconds(since.elapsed())));
            lines.push(format!("{seconds} {name}  {}", one_line(test)));
        }
    }
    if lines.len() > RUNNING_LINES_MAX {
        let more = lines.len() - (RUNNING_LINES_MAX - 1);
        lines.truncate(RUNNING_LINES_MAX - 1);
        lines.push(paint(DIM, format!("… and {more} more")));
    }
    lines
}

fn status_line(view: &RunView, elapsed: Duration) -> String {
    let tally = view.tally();
    let mut parts = Vec::new();
    if view.discovered() > 0 {
        parts.push(format!("{}/{}", tally.decided(), view.discovered()));
        for (count, word, style) in [
            (tally.passed, "passed", GREEN),
            (tally.failed, "failed", RED),
            (tally.flaky, "flaky", YELLOW),
            (tally.skipped, "skipped", DIM),
            (tally.errored, "errored", RED),
        ] {
            if count > 0 {
                parts.push(paint(style, format!("{count} {word}")));
            }
        }
        parts.push(counted(view.shards(), "shard"));
    } else {
        let waiting = view.waiting();
        parts.extend(waiting.map(|(job, why)| format!("{} waits: {}", one_line(job), one_line(why))));
    }
    parts.push(whole_seconds(elapsed));
    if let Some(left) = view.time_left() {
        parts.push(format!("about {} left", whole_seconds(left)));
    }
    parts.join(&paint(DIM, " · "))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants of this file")
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
        .progress_chars("━╸─")
}

const RUNNING_LINES_MAX: usize = 8;
