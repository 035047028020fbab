//! [`Answer`]: why something is as it is, and what to do next.

use muster_proto::v1;
use serde::Serialize;

use super::advice;
use super::find::Subject;
use super::tries::about_test;
use crate::output::human::{outcome_word, quoted};
use crate::output::json::{outcome_word as outcome_json, try_word, verdict_word};
use crate::output::reporter::Details;
use crate::output::text::{first_line, lines};
use crate::report::Report;

/// Described in `docs/reference/json-events.md`.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    run: u64,
    job: Option<String>,
    test: Option<String>,
    /// `waiting`, `queued`, `running`, `finished`.
    pub(super) state: &'static str,
    outcome: Option<&'static str>,
    /// In one sentence.
    pub(super) answer: String,
    pub(super) reason: Option<ReasonJson>,
    /// Jobs that have not passed, with why.
    pub(super) jobs: Vec<JobJson>,
    /// Tests that did not pass.
    pub(super) tests: Vec<TestJson>,
    /// How many more there are.
    pub(super) tests_left_out: usize,
    /// Commands that tell or do more.
    pub(super) next: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ReasonJson {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) meaning: Option<&'static str>,
    pub(super) advice: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct JobJson {
    job: u32,
    pub(super) name: String,
    state: &'static str,
    outcome: Option<&'static str>,
    pub(super) why: String,
}

#[derive(Debug, Serialize)]
pub(super) struct TestJson {
    job: u32,
    pub(super) job_name: String,
    pub(super) test: String,
    pub(super) verdict: Option<&'static str>,
    pub(super) tries: Vec<TryJson>,
}

#[derive(Debug, Serialize)]
pub(super) struct TryJson {
    pub(super) attempt: u32,
    pub(super) outcome: &'static str,
    pub(super) agent: String,
    pub(super) duration_us: u64,
    pub(super) message: String,
    /// The last lines of what it wrote.
    pub(super) tail: Vec<String>,
}

/// What an answer is made of.
pub(crate) struct Known<'a> {
    /// The run, with its tests so far.
    pub(crate) report: &'a Report,
    /// Outputs of tests that did not pass.
    pub(crate) details: &'a Details,
    /// What has to be added to a command for it to find the same coordinator.
    pub(crate) more: &'a str,
}

impl Answer {
    /// The answer about `subject`.
    pub(crate) fn of(known: &Known<'_>, subject: Subject<'_>) -> Self {
        match subject {
            Subject::Run => known.run(),
            Subject::Job(job) => known.job(job),
            Subject::Test(job, test) => known.test(job, test),
        }
    }
}

impl Known<'_> {
    fn run(&self) -> Answer {
        let run = &self.report.run;
        let open: Vec<&v1::Job> = self.report.jobs().filter(|job| job.state() != v1::JobState::Finished).collect();
        let answer = match run.state() {
            v1::RunState::Finished => ended("it", run.outcome(), run.reason.as_ref()),
            _ if run.is_cancel_requested => "it is being cancelled; what still runs of it is told to end".to_owned(),
            _ => match open.iter().find(|job| job.state() != v1::JobState::Waiting).or(open.first()) {
                Some(job) => format!("it goes on: job `{}` {}", job.name, why(job)),
                None => "it goes on".to_owned(),
            },
        };
        let told = |job: &&v1::Job| job.outcome() != v1::Outcome::Passed;
        let (tests, tests_left_out) = self.bad_tests(None);
        let mut next = Vec::new();
        for job in self.report.jobs().filter(|job| has_log(job)).take(NEXT_MAX) {
            next.push(self.logs(job));
        }
        self.add_what_to_do(&mut next, open.first().copied());
        Answer {
            run: run.run,
            job: None,
            test: None,
            state: crate::output::json::state_word(run.state()),
            outcome: outcome_json(run.outcome()),
            answer,
            reason: run.reason.as_ref().map(reason),
            jobs: self.report.jobs().filter(told).map(job_json).collect(),
            tests,
            tests_left_out,
            next,
        }
    }

    fn job(&self, job: &v1::Job) -> Answer {
        let (tests, tests_left_out) = self.bad_tests(Some(job.job));
        let mut next = Vec::new();
        if job.started_unix_ms.is_some() {
            next.push(self.logs(job));
        }
        self.add_what_to_do(&mut next, Some(job).filter(|job| job.state() != v1::JobState::Finished));
        Answer {
            run: self.report.run.run,
            job: Some(job.name.clone()),
            test: None,
            state: job_state_word(job.state()),
            outcome: outcome_json(job.outcome()),
            answer: format!("it {}", why(job)),
            reason: job.reason.as_ref().map(reason),
            jobs: Vec::new(),
            tests,
            tests_left_out,
            next,
        }
    }

    fn test(&self, job: &v1::Job, test: &v1::RunTest) -> Answer {
        let is_over = job.state() == v1::JobState::Finished;
        let verdict = verdict_word(test.verdict());
        let mut next = Vec::new();
        let is_bad = matches!(test.verdict(), v1::TestVerdict::Failed | v1::TestVerdict::Errored);
        if job.started_unix_ms.is_some() {
            next.push(self.logs(job));
        }
        if is_over && is_bad {
            next.push(format!("muster rerun {} --failed{}", self.report.run.run, self.more));
        }
        Answer {
            run: self.report.run.run,
            job: Some(job.name.clone()),
            test: Some(test.name.clone()),
            state: if verdict.is_some() || is_over { "finished" } else { "running" },
            outcome: verdict,
            answer: about_test(test, is_over, &why(job)),
            reason: job.reason.as_ref().filter(|_| is_over && verdict.is_none()).map(reason),
            jobs: Vec::new(),
            tests: vec![self.test_json(test)],
            tests_left_out: 0,
            next,
        }
    }

    fn bad_tests(&self, job: Option<u32>) -> (Vec<TestJson>, usize) {
        let is_bad = |test: &&v1::RunTest| {
            matches!(test.verdict(), v1::TestVerdict::Failed | v1::TestVerdict::Errored)
                && job.is_none_or(|job| job == test.job)
        };
        let count = self.report.tests.iter().filter(is_bad).count();
        let tests: Vec<TestJson> =
            self.report.tests.iter().filter(is_bad).take(TESTS_MAX).map(|test| self.test_json(test)).collect();
        let left_out = count - tests.len();
        (tests, left_out)
    }

    fn test_json(&self, test: &v1::RunTest) -> TestJson {
        let a_try = |a_try: &v1::TestTry| {
            let output = self.details.outputs.get(&(test.job, test.test, a_try.attempt));
            let mut tail = output.map(|output| lines(output)).unwrap_or_default();
            tail.drain(..tail.len().saturating_sub(TAIL_LINES));
            TryJson {
                attempt: a_try.attempt,
                outcome: try_word(a_try.outcome()),
                agent: a_try.agent.clone(),
                duration_us: a_try.duration_us,
                message: a_try.message.clone(),
                tail,
            }
        };
        TestJson {
            job: test.job,
            job_name: self.report.job_name(test.job).to_owned(),
            test: test.name.clone(),
            verdict: verdict_word(test.verdict()),
            tries: test.tries.iter().map(a_try).collect(),
        }
    }

    fn logs(&self, job: &v1::Job) -> String {
        format!("muster logs {} --job {}{}", self.report.run.run, quoted(&job.name), self.more)
    }

    /// What to do about a run that did not pass, or about `open`, the first job that goes on.
    fn add_what_to_do(&self, next: &mut Vec<String>, open: Option<&v1::Job>) {
        let run = &self.report.run;
        match open {
            Some(job) if job.state() == v1::JobState::Queued => next.push(format!("muster agents{}", self.more)),
            Some(_) => next.push(format!("muster watch {}{}", run.run, self.more)),
            None => {
                let is_good = matches!(run.outcome(), v1::Outcome::Passed | v1::Outcome::Skipped);
                if run.state() == v1::RunState::Finished && !is_good {
                    next.push(format!("muster rerun {} --failed{}", run.run, self.more));
                }
            }
        }
    }
}

/// What can be said of a job after its name.
fn why(job: &v1::Job) -> String {
    match job.state() {
        v1::JobState::Waiting | v1::JobState::Queued => format!("waits for {}", job.waiting_for),
        v1::JobState::Running => {
            let tests = job.tests.unwrap_or_default();
            match job.kind() {
                v1::JobKind::Tests if tests.is_sealed => {
                    let decided = tests.passed + tests.failed + tests.flaky + tests.skipped + tests.errored;
                    format!(
                        "runs: {decided} of {} tests have a verdict, {} are with agents now",
                        tests.discovered, tests.running
                    )
                }
                v1::JobKind::Tests => format!("lists its tests, {} so far", tests.discovered),
                v1::JobKind::Steps | v1::JobKind::TestBuild | v1::JobKind::Unspecified => "runs".to_owned(),
            }
        }
        v1::JobState::Finished | v1::JobState::Unspecified => {
            ended("", job.outcome(), job.reason.as_ref()).trim().into()
        }
    }
}

fn ended(what: &str, outcome: v1::Outcome, reason: Option<&v1::Reason>) -> String {
    let verb = match outcome {
        v1::Outcome::Passed => "passed",
        v1::Outcome::Skipped => "was left out",
        v1::Outcome::Failed => "failed",
        v1::Outcome::TimedOut => "ran longer than it may",
        v1::Outcome::Cancelled => "was cancelled",
        v1::Outcome::Errored => "could not be run, or its result cannot be trusted",
        v1::Outcome::Unspecified => outcome_word(outcome),
    };
    match reason {
        Some(reason) if !reason.message.is_empty() => format!("{what} {verb}: {}", first_line(&reason.message)),
        Some(_) | None => format!("{what} {verb}"),
    }
}

fn has_log(job: &v1::Job) -> bool {
    let is_bad = matches!(job.outcome(), v1::Outcome::Failed | v1::Outcome::Errored | v1::Outcome::TimedOut);
    is_bad && job.started_unix_ms.is_some()
}

fn reason(reason: &v1::Reason) -> ReasonJson {
    let known = advice::of(&reason.code);
    ReasonJson {
        code: reason.code.clone(),
        message: reason.message.clone(),
        meaning: known.map(|known| known.meaning),
        advice: known.map(|known| known.advice),
    }
}

fn job_json(job: &v1::Job) -> JobJson {
    JobJson {
        job: job.job,
        name: job.name.clone(),
        state: job_state_word(job.state()),
        outcome: outcome_json(job.outcome()),
        why: why(job),
    }
}

fn job_state_word(state: v1::JobState) -> &'static str {
    match state {
        v1::JobState::Unspecified => "unknown",
        v1::JobState::Waiting => "waiting",
        v1::JobState::Queued => "queued",
        v1::JobState::Running => "running",
        v1::JobState::Finished => "finished",
    }
}

const TESTS_MAX: usize = 20;
const TAIL_LINES: usize = 15;
const NEXT_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::told;
    use super::*;
    use crate::report::samples::{job, report, test, tests_job};
    use v1::TestVerdict as Verdict;

    fn answer(report: &Report, subject: Subject<'_>) -> Answer {
        let mut details = Details::default();
        details.outputs.insert((0, 1, 2), "one\n\u{1b}[31mtwo\u{1b}[0m".into());
        Answer::of(&Known { report, details: &details, more: " --coordinator unix:/c" }, subject)
    }

    fn failed() -> Report {
        let tests = vec![
            test(0, "tests::adds", Verdict::Passed),
            test(1, "tests::breaks", Verdict::Failed),
            test(2, "tests::flakes", Verdict::Flaky),
            test(3, "tests::late", Verdict::Unspecified),
        ];
        let mut tested = tests_job(0, &tests);
        tested.set_outcome(v1::Outcome::Failed);
        let message = "1 of 4 tests failed: tests::breaks".to_owned();
        tested.reason = Some(v1::Reason { code: "tests_failed".to_owned(), message });
        let mut late = job(1, "deploy", v1::JobKind::Steps);
        late.set_outcome(v1::Outcome::Skipped);
        late.started_unix_ms = None;
        late.reason = Some(v1::Reason { code: "needs_failed".to_owned(), message: "job `unit` failed".to_owned() });
        let mut report = report(v1::Outcome::Failed, vec![tested.clone(), late], tests);
        report.run.reason = tested.reason;
        report
    }

    #[test]
    fn a_failed_run_says_why_and_what_next() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&told(&answer(&failed(), Subject::Run))).to_string());
    }

    #[test]
    fn each_test_has_an_answer() {
        let report = failed();
        let all: Vec<String> =
            report.tests.iter().map(|test| answer(&report, Subject::Test(&report.run.jobs[0], test)).answer).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_test_says_which_place_it_waits_for() {
        let mut report = failed();
        report.run.jobs[0].set_state(v1::JobState::Running);
        let place = "a place in group `db`, of which 1 may run at one time: taken on `a1`";
        let mut late = v1::RunTest { waits_for: place.to_owned(), ..report.tests[3].clone() };
        let told = |test: &v1::RunTest| answer(&report, Subject::Test(&report.run.jobs[0], test)).answer;
        assert_eq!(told(&late), format!("it waits for {place}"));
        late.tries = report.tests[1].tries[..1].to_vec();
        assert!(told(&late).ends_with(&format!(", and waits for {place}")), "{}", told(&late));
    }

    #[test]
    fn what_goes_on_says_what_it_waits_for() {
        let mut report = failed();
        report.run.set_state(v1::RunState::Running);
        report.run.set_outcome(v1::Outcome::Unspecified);
        for (number, state) in [(0, v1::JobState::Queued), (1, v1::JobState::Waiting)] {
            let job = &mut report.run.jobs[number];
            job.set_state(state);
            job.set_outcome(v1::Outcome::Unspecified);
            job.reason = None;
        }
        report.run.jobs[0].waiting_for = "an agent: none is connected".to_owned();
        report.run.jobs[1].waiting_for = "the end of job `unit`".to_owned();
        report.tests.clear();
        let run = answer(&report, Subject::Run);
        assert_eq!(run.answer, "it goes on: job `unit` waits for an agent: none is connected");
        assert_eq!(run.next, ["muster agents --coordinator unix:/c"]);
        let job = answer(&report, Subject::Job(&report.run.jobs[1]));
        assert_eq!(job.answer, "it waits for the end of job `unit`");
    }
}
