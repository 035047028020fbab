//! Everything in a report that follows from something else in it, recomputed.

use std::collections::{BTreeMap, HashSet};

use super::canonical::{digest, names_sha256};
use super::document::{Counts, Document, JobRecord, Kind, TestRecord};
use super::finding::Finding;
use super::verdict;

/// What disagrees; nothing, if the report is whole and true to itself. At most [`FINDINGS_MAX`].
pub(crate) fn check(document: &Document) -> Vec<Finding> {
    let mut found = Vec::new();
    let expected = digest(document);
    if document.digest != expected {
        let what = format!("the digest of the content is {expected}, but the report says {}", document.digest);
        found.push(Finding::whole(format!("{what}: something in it was changed after it was written")));
    }
    check_places(document, &mut found);
    let mut tests: BTreeMap<u32, Vec<&TestRecord>> = BTreeMap::new();
    for test in &document.tests {
        tests.entry(test.job).or_default().push(test);
        check_test(document, test, &mut found);
    }
    for job in &document.jobs {
        let of_job = tests.remove(&job.job).unwrap_or_default();
        check_job(job, &of_job, &mut found);
    }
    for test in tests.into_values().flatten() {
        let what = format!("it belongs to job number {}, which the run does not have", test.job);
        found.push(Finding { job: None, test: Some(test.name.clone()), what });
    }
    check_run(document, &mut found);
    found.truncate(FINDINGS_MAX);
    found
}

/// Jobs and tests have their numbers by their places, so none can be left out or moved.
fn check_places(document: &Document, found: &mut Vec<Finding>) {
    let mut names = HashSet::new();
    for (place, job) in (0..).zip(&document.jobs) {
        if job.job != place {
            found.push(Finding::job(&job.name, format!("it has number {}, but stands in place {place}", job.job)));
        }
        if !names.insert(&job.name) {
            found.push(Finding::job(&job.name, "two jobs have this name"));
        }
    }
    let mut before: Option<(u32, u32)> = None;
    for test in &document.tests {
        let expected = match before {
            Some((job, number)) if job == test.job => number + 1,
            Some(_) | None => 0,
        };
        let is_back = before.is_some_and(|(job, _)| job > test.job);
        if test.test != expected || is_back {
            let what = format!("it has number {}, but stands where number {expected} belongs", test.test);
            found.push(Finding::test(document.job_name(test.job), &test.name, what));
        }
        before = Some((test.job, test.test));
    }
}

fn check_test(document: &Document, test: &TestRecord, found: &mut Vec<Finding>) {
    let finding = |what| Finding::test(document.job_name(test.job), &test.name, what);
    for (place, a_try) in (1..).zip(&test.tries) {
        if a_try.attempt != place {
            found.push(finding(format!("its try number {} stands in place {place}", a_try.attempt)));
        }
    }
    let Some(held) = test.verdict else { return };
    let expected = verdict::of_test(&test.tries);
    if held != expected {
        found.push(finding(format!("its verdict is {}, but its tries come to {}", held.word(), expected.word())));
    }
}

fn check_job(job: &JobRecord, tests: &[&TestRecord], found: &mut Vec<Finding>) {
    if job.outcome.is_none() {
        found.push(Finding::job(&job.name, "it has no outcome: the run was not over when this was written"));
    }
    match (job.kind, &job.discovery) {
        (Kind::Tests, Some(discovery)) => {
            let listed = tests.len();
            if discovery.tests as usize != listed {
                let what = format!("discovery found {} tests, but {listed} are listed", discovery.tests);
                found.push(Finding::job(&job.name, what));
            }
            let sha256 = names_sha256(tests.iter().map(|test| test.name.as_str()));
            if sha256 != discovery.sha256 {
                let what = "the ids of the listed tests are not those that discovery found: their digest is";
                found.push(Finding::job(&job.name, format!("{what} {sha256}, not {}", discovery.sha256)));
            }
        }
        (Kind::Tests, None) if !tests.is_empty() => {
            let what = format!("{} tests are listed without a complete discovery", tests.len());
            found.push(Finding::job(&job.name, what));
        }
        (Kind::Steps | Kind::TestBuild, _) if !tests.is_empty() || job.discovery.is_some() || job.tests.is_some() => {
            found.push(Finding::job(&job.name, "tests are told of it, and it is no test job"));
        }
        (Kind::Tests, None) | (Kind::Steps | Kind::TestBuild, _) => return,
    }
    check_names(job, tests, found);
    let mut counts = Counts::default();
    for test in tests {
        counts.add(test.verdict, test.quarantined);
    }
    compare_counts(&counts, job.tests.as_ref(), |what| Finding::job(&job.name, what), found);
    if let Some(why) = verdict::against_test_job(job, counts) {
        found.push(Finding::job(&job.name, why));
    }
}

fn check_names(job: &JobRecord, tests: &[&TestRecord], found: &mut Vec<Finding>) {
    let mut names = HashSet::new();
    for test in tests {
        if !names.insert(&test.name) {
            found.push(Finding::test(&job.name, &test.name, "it is listed twice"));
        }
    }
}

fn check_run(document: &Document, found: &mut Vec<Finding>) {
    let mut counts = Counts::default();
    for test in &document.tests {
        counts.add(test.verdict, test.quarantined);
    }
    let run = &document.run;
    compare_counts(&counts, Some(&run.tests), |what| Finding::whole(format!("the run: {what}")), found);
    let expected = verdict::of_run(&document.jobs, run.is_cancel_requested);
    match (run.outcome, expected) {
        (None, _) => found.push(Finding::whole("the run has no outcome: it was not over when this was written")),
        (Some(held), Some(expected)) if held != expected => {
            let what = format!("the run: it is {}, but its jobs come to {}", held.word(), expected.word());
            found.push(Finding::whole(what));
        }
        (Some(_), _) => {}
    }
}

fn compare_counts(
    listed: &Counts,
    told: Option<&Counts>,
    finding: impl Fn(String) -> Finding,
    found: &mut Vec<Finding>,
) {
    let Some(told) = told else {
        return found.push(finding("its sums are missing".to_owned()));
    };
    for ((what, listed), (_, told)) in listed.named().into_iter().zip(told.named()) {
        if listed != told {
            found.push(finding(format!("its sum of {what} tests is {told}, but {listed} are listed")));
        }
    }
}

/// More are left out.
pub(crate) const FINDINGS_MAX: usize = 1_000;
