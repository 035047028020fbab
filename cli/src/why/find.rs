//! What a target is of: the run, one of its jobs, or one of its tests.

use muster_proto::v1;

use super::target::Target;
use crate::failure::Failure;
use crate::report::Report;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Subject<'a> {
    /// All of it.
    Run,
    /// A job.
    Job(&'a v1::Job),
    /// A test of a job.
    Test(&'a v1::Job, &'a v1::RunTest),
}

/// What `target` names in `report`.
pub(crate) fn subject<'a>(report: &'a Report, target: &Target) -> Result<Subject<'a>, Failure> {
    let Some(rest) = target.rest.as_deref() else { return Ok(Subject::Run) };
    if let Some(job) = report.jobs().find(|job| job.name == rest || rest.parse() == Ok(job.job)) {
        return Ok(Subject::Job(job));
    }
    let in_job = |job: &'a v1::Job| {
        let number = job.job.to_string();
        let after =
            [job.name.as_str(), &number].into_iter().find_map(|name| rest.strip_prefix(name)?.strip_prefix('/'));
        let test = report.tests.iter().find(|test| test.job == job.job && Some(test.name.as_str()) == after)?;
        Some(Subject::Test(job, test))
    };
    if let Some(found) = report.jobs().find_map(in_job) {
        return Ok(found);
    }
    let by_name = report.tests.iter().find(|test| test.name == rest.trim_start_matches('/'));
    let by_name = by_name.and_then(|test| Some((report.jobs().find(|job| job.job == test.job)?, test)));
    by_name.map(|(job, test)| Subject::Test(job, test)).ok_or_else(|| unknown(report, target, rest))
}

fn unknown(report: &Report, target: &Target, rest: &str) -> Failure {
    let names: Vec<&str> = report.jobs().map(|job| job.name.as_str()).collect();
    let similar: Vec<&str> = report
        .tests
        .iter()
        .map(|test| test.name.as_str())
        .filter(|name| name.contains(rest))
        .take(SIMILAR_MAX)
        .collect();
    let failure = Failure::usage(format!("run {} has no job and no test `{rest}`", target.run));
    if similar.is_empty() {
        failure.advise(format!("its jobs are: {}", names.join(", ")))
    } else {
        failure.advise(format!("did you mean {}?", similar.join(", or ")))
    }
}

const SIMILAR_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{job, report, test, tests_job};

    #[test]
    fn jobs_and_tests_are_found_whatever_slashes_they_hold() {
        let tests = vec![test(0, "tests/a.py::b", v1::TestVerdict::Passed), test(1, "x", v1::TestVerdict::Failed)];
        let mut tested = tests_job(0, &tests);
        tested.name = "unit / linux".to_owned();
        let report = report(v1::Outcome::Passed, vec![tested, job(1, "unit", v1::JobKind::Steps)], tests);
        let found = |text: &str| {
            let target: Target = text.parse().expect("it begins with a number");
            match subject(&report, &target) {
                Ok(Subject::Run) => "run".to_owned(),
                Ok(Subject::Job(job)) => format!("job {}", job.job),
                Ok(Subject::Test(job, test)) => format!("test {}/{}", job.job, test.test),
                Err(failure) => failure.to_string(),
            }
        };
        for (text, expected) in [
            ("12", "run"),
            ("12/", "run"),
            ("12/unit", "job 1"),
            ("12/unit / linux", "job 0"),
            ("12/0", "job 0"),
            ("12/unit / linux/tests/a.py::b", "test 0/0"),
            ("12/0/x", "test 0/1"),
            ("12/tests/a.py::b", "test 0/0"),
            ("12//x", "test 0/1"),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
        assert!(found("12/a.py").contains("did you mean tests/a.py::b?"));
        assert!("x/unit".parse::<Target>().is_err());
    }
}
