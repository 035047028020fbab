//! A run as its watcher knows it: what has been told, each thing once, however often the stream begins anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use muster_proto::v1;
use v1::watch_run_response::Event;

use crate::report::Tally;

/// What is known of a run.
#[derive(Debug, Default)]
pub(crate) struct RunView {
    /// The run's own fields.
    pub(crate) run: v1::Run,
    /// Its jobs by number.
    pub(crate) jobs: BTreeMap<u32, JobView>,
    /// Whether everything that happened before the watch began has been told.
    pub(crate) is_caught_up: bool,
    tries_told: HashSet<(u32, u32, u32)>,
    verdicts: HashMap<(u32, u32), v1::TestVerdict>,
}

/// What is known of a job.
#[derive(Debug)]
pub(crate) struct JobView {
    /// The job as the coordinator shows it.
    pub(crate) job: v1::Job,
    /// Verdicts that have been told.
    pub(crate) tally: Tally,
    /// Shards at work.
    pub(crate) shards: u32,
    /// Some of the tests that run now, with the moment in which they were first seen to.
    pub(crate) running: Vec<(String, Instant)>,
    tries_done: u32,
    time_spent: Duration,
}

/// Something that was not known before.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// The run's own fields have changed.
    RunChanged,
    /// A job has begun to wait for an agent, or waits for another reason.
    JobQueued(u32),
    /// A job has begun.
    JobStarted(u32),
    /// The list of a job's tests is complete.
    TestsDiscovered(u32),
    /// A try of a test has ended.
    TryEnded(Box<v1::TestFinished>),
    /// Shards have come, gone, or begun tests.
    ShardsChanged,
    /// A job has ended.
    JobEnded(u32),
    /// The run has ended; with all its jobs.
    RunEnded(Box<v1::Run>),
}

impl RunView {
    /// Takes what the coordinator says, and tells what of it is new.
    pub(crate) fn apply(&mut self, event: Event, now: Instant) -> Vec<News> {
        match event {
            Event::Snapshot(run) => self.snapshot(run),
            Event::CaughtUp(_) => {
                self.is_caught_up = true;
                Vec::new()
            }
            Event::RunChanged(run) => self.run_changed(run),
            Event::JobChanged(changed) => changed.job.map(|job| self.job_changed(job)).unwrap_or_default(),
            Event::TestFinished(finished) => self.test_finished(finished),
            Event::ShardsChanged(changed) => self.shards_changed(changed, now),
            Event::RunFinished(run) => {
                let mut news: Vec<News> = run.jobs.iter().flat_map(|job| self.job_changed(job.clone())).collect();
                self.run = v1::Run { jobs: Vec::new(), ..run.clone() };
                news.push(News::RunEnded(Box::new(run)));
                news
            }
        }
    }

    /// The stream ended; the next one begins with a snapshot.
    pub(crate) fn disconnected(&mut self) {
        for job in self.jobs.values_mut() {
            job.running.clear();
            job.shards = 0;
        }
    }

    /// Name of a job.
    pub(crate) fn job_name(&self, job: u32) -> &str {
        self.jobs.get(&job).map_or("?", |view| view.job.name.as_str())
    }

    /// Verdicts of all jobs together.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for JobView { tally, .. } in self.jobs.values() {
            sum.passed += tally.passed;
            sum.failed += tally.failed;
            sum.flaky += tally.flaky;
            sum.skipped += tally.skipped;
            sum.errored += tally.errored;
        }
        sum
    }

    /// Tests found so far.
    pub(crate) fn discovered(&self) -> u32 {
        self.jobs.values().map(|view| view.job.tests.map_or(0, |tests| tests.discovered)).sum()
    }

    /// Shards at work.
    pub(crate) fn shards(&self) -> u32 {
        self.jobs.values().map(|view| view.shards).sum()
    }

    /// A job that waits for an agent, and why.
    pub(crate) fn waiting(&self) -> Option<(&str, &str)> {
        let waits = |view: &&JobView| view.job.state() == v1::JobState::Queued && !view.job.waiting_for.is_empty();
        self.jobs.values().find(waits).map(|view| (view.job.name.as_str(), view.job.waiting_for.as_str()))
    }

    /// How long the tests that are left will take, once that can be told: when every test job that has not ended has its
    /// list and some of its tests have ended.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let open = self
            .jobs
            .values()
            .filter(|view| view.job.kind() == v1::JobKind::Tests && view.job.state() != v1::JobState::Finished);
        let mut longest = None;
        for view in open {
            longest = longest.max(Some(view.time_left()?));
        }
        longest
    }

    fn snapshot(&mut self, run: v1::Run) -> Vec<News> {
        let mut news = self.run_changed(v1::Run { jobs: Vec::new(), ..run.clone() });
        news.extend(run.jobs.into_iter().flat_map(|job| self.job_changed(job)));
        news
    }

    fn run_changed(&mut self, run: v1::Run) -> Vec<News> {
        let is_new = self.run != run;
        self.run = run;
        if is_new { vec![News::RunChanged] } else { Vec::new() }
    }

    fn job_changed(&mut self, job: v1::Job) -> Vec<News> {
        let number = job.job;
        let view = self.jobs.entry(number).or_insert_with(|| JobView::new(number));
        let before = std::mem::replace(&mut view.job, job);
        let (was, is) = (before.state(), view.job.state());
        let mut news = Vec::new();
        let waits_otherwise = view.job.waiting_for != before.waiting_for;
        if is == v1::JobState::Queued && (was != is || waits_otherwise) {
            news.push(News::JobQueued(number));
        }
        let has_started = |job: &v1::Job| job.started_unix_ms.is_some();
        if has_started(&view.job) && !has_started(&before) {
            news.push(News::JobStarted(number));
        }
        let is_sealed = |job: &v1::Job| job.tests.is_some_and(|tests| tests.is_sealed);
        if is_sealed(&view.job) && !is_sealed(&before) {
            news.push(News::TestsDiscovered(number));
        }
        if is == v1::JobState::Finished && was != is {
            view.running.clear();
            view.shards = 0;
            news.push(News::JobEnded(number));
        }
        news
    }

    fn test_finished(&mut self, finished: v1::TestFinished) -> Vec<News> {
        let Some(a_try) = finished.r#try.as_ref() else { return Vec::new() };
        let verdict = finished.verdict();
        let view = self.jobs.entry(finished.job).or_insert_with(|| JobView::new(finished.job));
        let is_new_verdict = verdict != v1::TestVerdict::Unspecified
            && self.verdicts.insert((finished.job, finished.test), verdict).is_none();
        if is_new_verdict {
            view.tally.add(verdict);
        }
        let is_new_try = self.tries_told.insert((finished.job, finished.test, a_try.attempt));
        if is_new_try {
            view.tries_done += 1;
            view.time_spent += Duration::from_micros(a_try.duration_us);
            view.running.retain(|(name, _)| *name != finished.name);
        }
        if is_new_try || is_new_verdict { vec![News::TryEnded(Box::new(finished))] } else { Vec::new() }
    }

    fn shards_changed(&mut self, changed: v1::ShardsChanged, now: Instant) -> Vec<News> {
        let view = self.jobs.entry(changed.job).or_insert_with(|| JobView::new(changed.job));
        view.shards = changed.shards;
        let before = std::mem::take(&mut view.running);
        view.running = changed
            .running_tests
            .into_iter()
            .map(|name| {
                let since = before.iter().find(|(known, _)| *known == name).map_or(now, |(_, since)| *since);
                (name, since)
            })
            .collect();
        vec![News::ShardsChanged]
    }
}

impl JobView {
    fn new(number: u32) -> Self {
        Self {
            job: v1::Job { job: number, ..v1::Job::default() },
            tally: Tally::default(),
            shards: 0,
            running: Vec::new(),
            tries_done: 0,
            time_spent: Duration::ZERO,
        }
    }

    fn time_left(&self) -> Option<Duration> {
        let counts = self.job.tests.filter(|tests| tests.is_sealed)?;
        if self.tries_done < TRIES_TO_ESTIMATE.min(counts.discovered) || self.tries_done == 0 || self.shards == 0 {
            return None;
        }
        let left = counts.discovered.saturating_sub(self.tally.decided());
        Some(self.time_spent / self.tries_done * left / self.shards)
    }
}

/// Tries that must have ended before their mean says something.
const TRIES_TO_ESTIMATE: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{a_try, job};

    fn finished(test: u32, attempt: u32, outcome: v1::TryOutcome, verdict: v1::TestVerdict) -> Event {
        let mut event = v1::TestFinished {
            is_quarantined: false,
            job: 0,
            test,
            name: format!("t{test}"),
            r#try: Some(a_try(attempt, outcome)),
            verdict: None,
        };
        if verdict != v1::TestVerdict::Unspecified {
            event.set_verdict(verdict);
        }
        Event::TestFinished(event)
    }

    fn running(discovered: u32) -> v1::Job {
        let mut job = job(0, "unit", v1::JobKind::Tests);
        job.set_state(v1::JobState::Running);
        job.finished_unix_ms = None;
        job.tests = Some(v1::TestCounts { discovered, is_sealed: true, ..v1::TestCounts::default() });
        job
    }

    #[test]
    fn what_comes_again_after_a_reconnect_is_told_once() {
        let now = Instant::now();
        let mut view = RunView::default();
        let snapshot = v1::Run { run: 3, jobs: vec![running(2)], ..v1::Run::default() };
        let first = view.apply(Event::Snapshot(snapshot.clone()), now);
        assert!(matches!(first[..], [News::RunChanged, News::JobStarted(0), News::TestsDiscovered(0)]), "{first:?}");
        let failed = finished(0, 1, v1::TryOutcome::Failed, v1::TestVerdict::Unspecified);
        let flaky = finished(0, 2, v1::TryOutcome::Passed, v1::TestVerdict::Flaky);
        assert_eq!(view.apply(failed.clone(), now).len(), 1);
        assert_eq!(view.apply(flaky.clone(), now).len(), 1);
        view.disconnected();
        for event in [Event::Snapshot(snapshot), failed, flaky] {
            assert!(view.apply(event, now).is_empty());
        }
        assert_eq!(view.tally(), Tally { flaky: 1, ..Tally::default() });
    }

    #[test]
    fn the_end_of_the_run_tells_the_ends_of_its_jobs_first() {
        let now = Instant::now();
        let mut view = RunView::default();
        view.apply(Event::Snapshot(v1::Run { jobs: vec![running(0)], ..v1::Run::default() }), now);
        let end = v1::Run { jobs: vec![job(0, "unit", v1::JobKind::Tests)], ..v1::Run::default() };
        let news = view.apply(Event::RunFinished(end), now);
        assert!(matches!(&news[..], [News::JobEnded(0), News::RunEnded(run)] if run.jobs.len() == 1), "{news:?}");
    }

    #[test]
    fn time_left_is_told_once_enough_tests_have_ended() {
        let now = Instant::now();
        let mut view = RunView::default();
        view.apply(Event::Snapshot(v1::Run { jobs: vec![running(30)], ..v1::Run::default() }), now);
        view.apply(Event::ShardsChanged(v1::ShardsChanged { job: 0, shards: 4, running_tests: vec![] }), now);
        for test in 0..10 {
            assert_eq!(view.time_left(), None);
            view.apply(finished(test, 1, v1::TryOutcome::Passed, v1::TestVerdict::Passed), now);
        }
        assert_eq!(view.time_left(), Some(Duration::from_millis(1_250 * 20 / 4)));
    }
}
