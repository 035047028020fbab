//! What has to be submitted to run again what did not pass.

use std::collections::{BTreeMap, BTreeSet};

use muster_common::spec::{JobSpec, RunSpec, Work};
use muster_proto::v1;

use crate::failure::Failure;
use crate::report::Report;

/// What a rerun comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rerun {
    /// To be submitted.
    pub(crate) spec: RunSpec,
    /// Jobs in it that did not pass.
    pub(crate) jobs: usize,
    /// Tests that it selects; none where a whole suite is wanted.
    pub(crate) tests: usize,
}

/// The jobs of `spec` that did not pass in `report`, with all that they need, and of their suites the tests that did not
/// pass. Jobs that are needed and passed run again as a whole.
///
/// # Errors
/// If everything passed, or work that is not safe to repeat has passed and would be done again.
pub(crate) fn of_failed(spec: RunSpec, report: &Report) -> Result<Rerun, Failure> {
    let run = report.run.run;
    let bad: BTreeSet<&str> = report.jobs().filter(|job| is_bad(job)).map(|job| job.name.as_str()).collect();
    if bad.is_empty() {
        return Err(Failure::usage(format!("nothing in run {run} failed"))
            .advise(format!("`muster rerun {run}` runs all of it again")));
    }
    let wanted = with_needs(&spec.jobs, &bad);
    let repeated = spec.jobs.iter().find(|job| {
        let has_passed = report.jobs().any(|told| told.name == job.name && told.outcome() == v1::Outcome::Passed);
        !job.is_repeatable && has_passed && wanted.contains(&job.name)
    });
    if let Some(job) = repeated {
        let what = format!("job `{}` passed and is not safe to repeat, but a job that failed needs it", job.name);
        return Err(Failure::usage(what).advise(format!("`muster rerun {run}` runs everything again, that job too")));
    }
    let jobs = bad.len();
    let mut only = spec.only;
    for job in spec.jobs.iter().filter(|job| bad.contains(job.name.as_str()) && matches!(job.work, Work::Tests(_))) {
        let selected = bad_tests(report, &job.name, only.get(&job.name).map_or(&[], Vec::as_slice));
        if !selected.is_empty() {
            only.insert(job.name.clone(), selected);
        }
    }
    only.retain(|job, _| wanted.contains(job));
    let tests = only.iter().filter(|(job, _)| bad.contains(job.as_str())).map(|(_, tests)| tests.len()).sum();
    let kept: Vec<JobSpec> = spec.jobs.into_iter().filter(|job| wanted.contains(&job.name)).collect();
    Ok(Rerun { spec: RunSpec { jobs: kept, only, ..spec }, jobs, tests })
}

/// Whether a job is to be run again: it did not pass, and not because its condition did not hold.
fn is_bad(job: &v1::Job) -> bool {
    match job.outcome() {
        v1::Outcome::Passed => false,
        v1::Outcome::Skipped => job.reason.as_ref().is_some_and(|reason| reason.code == "needs_failed"),
        v1::Outcome::Failed
        | v1::Outcome::TimedOut
        | v1::Outcome::Cancelled
        | v1::Outcome::Errored
        | v1::Outcome::Unspecified => true,
    }
}

/// A job's needs stand before it, so one look from the last to the first finds them all.
fn with_needs(jobs: &[JobSpec], bad: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = bad.iter().map(|name| (*name).to_owned()).collect();
    for job in jobs.iter().rev().filter(|job| !job.needs.is_empty()) {
        if wanted.contains(&job.name) {
            wanted.extend(job.needs.iter().cloned());
        }
    }
    wanted
}

/// Tests of a job without a good verdict, and those that were selected before and not discovered; none: nothing is known
/// of its tests, or all of them are good.
fn bad_tests(report: &Report, job: &str, selected: &[String]) -> Vec<String> {
    let Some(told) = report.jobs().find(|told| told.name == job) else { return Vec::new() };
    let verdicts: BTreeMap<&str, v1::TestVerdict> = report
        .tests
        .iter()
        .filter(|test| test.job == told.job)
        .map(|test| (test.name.as_str(), test.verdict()))
        .collect();
    if verdicts.is_empty() {
        return Vec::new();
    }
    let is_bad = |verdict: &v1::TestVerdict| match verdict {
        v1::TestVerdict::Failed | v1::TestVerdict::Errored | v1::TestVerdict::Unspecified => true,
        v1::TestVerdict::Passed | v1::TestVerdict::Flaky | v1::TestVerdict::Skipped => false,
    };
    let bad = verdicts.iter().filter(|(_, verdict)| is_bad(verdict)).map(|(name, _)| (*name).to_owned());
    let missing = selected.iter().filter(|name| !verdicts.contains_key(name.as_str())).cloned();
    bad.chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use muster_common::pipeline::{CompileOptions, Source, compile};

    use super::*;
    use crate::report::samples::{job, report, test, tests_job};
    use v1::TestVerdict as Verdict;

    fn spec() -> RunSpec {
        let text = "name: n\njobs:\n  lint:\n    steps:\n      - run: make lint\n  make:\n    steps:\n      - run: make\n  \
                    unit:\n    needs: make\n    steps:\n      - test: pytest\n  deploy:\n    needs: [unit, lint]\n    \
                    steps:\n      - run: make deploy\n";
        let options = CompileOptions { project: "p".to_owned(), ..CompileOptions::default() };
        compile(&Source { name: "x", bytes: text.as_bytes() }, &options).expect("it is right")
    }

    /// The report of that run in which `unit` failed.
    fn failed() -> Report {
        let mut tests =
            vec![test(0, "a", Verdict::Passed), test(1, "b", Verdict::Failed), test(2, "c", Verdict::Unspecified)];
        let names: Vec<String> = spec().jobs.iter().map(|job| job.name.clone()).collect();
        let number = |name: &str| names.iter().position(|found| found == name).map_or(99, |place| place as u32);
        tests.iter_mut().for_each(|test| test.job = number("unit"));
        let jobs = (0..).zip(&names).map(|(place, name)| match name.as_str() {
            "unit" => {
                let mut unit = tests_job(place, &tests);
                unit.set_outcome(v1::Outcome::Failed);
                unit
            }
            "deploy" => {
                let mut deploy = job(place, name, v1::JobKind::Steps);
                deploy.set_outcome(v1::Outcome::Skipped);
                deploy.reason = Some(v1::Reason { code: "needs_failed".to_owned(), message: String::new() });
                deploy
            }
            _ => job(place, name, v1::JobKind::Steps),
        });
        report(v1::Outcome::Failed, jobs.collect(), tests)
    }

    #[test]
    fn what_failed_is_run_again_with_what_it_needs() {
        let rerun = of_failed(spec(), &failed()).expect("something failed");
        let names: Vec<&str> = rerun.spec.jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["lint", "make", "unit", "deploy"]);
        assert_eq!(rerun.spec.only, BTreeMap::from([("unit".to_owned(), vec!["b".to_owned(), "c".to_owned()])]));
        assert_eq!((rerun.jobs, rerun.tests), (2, 2));
        assert_eq!(muster_common::spec_check::check(&rerun.spec), Ok(()));
    }

    #[test]
    fn jobs_that_nobody_needs_are_left_out() {
        let mut spec = spec();
        spec.jobs.retain(|job| job.name != "deploy");
        let mut report = failed();
        report.run.jobs.retain(|job| job.name != "deploy");
        let rerun = of_failed(spec, &report).expect("something failed");
        let names: Vec<&str> = rerun.spec.jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["make", "unit"]);
    }

    #[test]
    fn a_suite_without_a_list_runs_as_a_whole() {
        let mut report = failed();
        report.tests.clear();
        let rerun = of_failed(spec(), &report).expect("something failed");
        assert_eq!((rerun.spec.only.len(), rerun.tests), (0, 0));
    }

    #[test]
    fn a_selected_test_that_was_missing_is_selected_again() {
        let mut spec = spec();
        spec.only.insert("unit".to_owned(), vec!["b".to_owned(), "gone".to_owned()]);
        let rerun = of_failed(spec, &failed()).expect("something failed");
        assert_eq!(rerun.spec.only["unit"], ["b", "c", "gone"]);
    }

    #[test]
    fn what_must_not_be_done_twice_is_refused() {
        let mut spec = spec();
        spec.jobs.iter_mut().filter(|job| job.name == "make").for_each(|job| job.is_repeatable = false);
        assert!(of_failed(spec, &failed()).is_err_and(|failure| failure.to_string().contains("`make`")));
        let good = report(v1::Outcome::Passed, vec![job(0, "make", v1::JobKind::Steps)], vec![]);
        assert!(of_failed(RunSpec::default(), &good).is_err());
    }
}
