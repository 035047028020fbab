//! Counter lines for a standard output that is no terminal.

use std::time::{Duration, Instant};

use muster_proto::v1;

use crate::output::text::{counted, one_line, whole_seconds};
use crate::report::Tally;
use crate::run_view::RunView;

/// When to write a line, and which.
#[derive(Debug)]
pub(super) struct Counters {
    began: Instant,
    last: Option<Instant>,
    told: Standing,
}

/// What a line tells of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Standing {
    tally: Tally,
    discovered: u32,
    waiting: Option<String>,
}

impl Counters {
    /// Begins to count time.
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), last: None, told: Standing::default() }
    }

    /// Whether enough time has passed for another line; if so, the time begins anew.
    pub(super) fn is_due(&mut self) -> bool {
        let is_due = self.last.unwrap_or(self.began).elapsed() >= PAUSE;
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }

    /// The next line, if it is time for it: at once in a new phase, after a pause when counts have changed, after a
    /// long pause anyway.
    pub(super) fn line(&mut self, view: &RunView, is_new_phase: bool) -> Option<String> {
        let waiting = view.waiting().map(|(job, why)| format!("{job} {why}"));
        let standing = Standing { tally: view.tally(), discovered: view.discovered(), waiting };
        let pause = if standing == self.told { PAUSE_WITHOUT_CHANGE } else { PAUSE };
        let last = self.last.unwrap_or(self.began);
        if !is_new_phase && last.elapsed() < pause {
            return None;
        }
        self.last = Some(Instant::now());
        self.told = standing;
        Some(line(view, self.began.elapsed()))
    }
}

fn line(view: &RunView, elapsed: Duration) -> String {
    let tally = view.tally();
    let mut text = format!("{:>7}  ", whole_seconds(elapsed));
    if view.discovered() > 0 {
        text.push_str(&format!(
            "{}/{} tests: {} passed, {} failed, {} flaky, {} skipped, {} errored; {}",
            tally.decided(),
            view.discovered(),
            tally.passed,
            tally.failed,
            tally.flaky,
            tally.skipped,
            tally.errored,
            counted(view.shards(), "shard")
        ));
        if let Some(left) = view.time_left() {
            text.push_str(&format!(", about {} left", whole_seconds(left)));
        }
    } else {
        let state = |state| view.jobs.values().filter(|job| job.job.state() == state).count();
        text.push_str(&format!(
            "{} running, {} queued, {} ended",
            counted(state(v1::JobState::Running) as u64, "job"),
            state(v1::JobState::Queued) + state(v1::JobState::Waiting),
            state(v1::JobState::Finished)
        ));
    }
    if let Some((job, why)) = view.waiting().filter(|_| view.shards() == 0) {
        text.push_str(&format!("; {} waits: {}", one_line(job), one_line(why)));
    }
    text.push('\n');
    text
}

const PAUSE: Duration = Duration::from_secs(5);
const PAUSE_WITHOUT_CHANGE: Duration = Duration::from_secs(30);
