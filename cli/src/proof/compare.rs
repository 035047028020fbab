//! A report held against what a coordinator says of the run.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::check::FINDINGS_MAX;
use super::document::{Document, TestRecord};
use super::finding::Finding;

/// What the report says otherwise than the coordinator. At most [`FINDINGS_MAX`].
pub(crate) fn compare(report: &Document, coordinator: &Document) -> Vec<Finding> {
    let mut found = Vec::new();
    if report == coordinator {
        return found;
    }
    for what in differences(&report.run, &coordinator.run) {
        found.push(Finding::whole(format!("the run: {what}")));
    }
    compare_jobs(report, coordinator, &mut found);
    compare_tests(report, coordinator, &mut found);
    if found.is_empty() {
        found.push(Finding::whole(
            "the report lists the same as the coordinator, but in another order or with repetitions",
        ));
    }
    found.truncate(FINDINGS_MAX);
    found
}

fn compare_jobs(report: &Document, coordinator: &Document, found: &mut Vec<Finding>) {
    let theirs: BTreeMap<u32, _> = coordinator.jobs.iter().map(|job| (job.job, job)).collect();
    let ours: BTreeMap<u32, _> = report.jobs.iter().map(|job| (job.job, job)).collect();
    for (number, job) in &ours {
        match theirs.get(number) {
            Some(other) => {
                found.extend(differences(job, other).into_iter().map(|what| Finding::job(&other.name, what)))
            }
            None => found.push(Finding::job(&job.name, "the coordinator knows no such job")),
        }
    }
    for (_, job) in theirs.iter().filter(|(number, _)| !ours.contains_key(number)) {
        found.push(Finding::job(&job.name, "the report does not list it"));
    }
}

fn compare_tests(report: &Document, coordinator: &Document, found: &mut Vec<Finding>) {
    let by_name = |document: &'_ Document| -> BTreeMap<(u32, String), TestRecord> {
        document.tests.iter().map(|test| ((test.job, test.name.clone()), test.clone())).collect()
    };
    let (ours, mut theirs) = (by_name(report), by_name(coordinator));
    for ((job, name), test) in ours {
        let place = coordinator.job_name(job);
        match theirs.remove(&(job, name.clone())) {
            Some(other) => {
                found.extend(differences(&test, &other).into_iter().map(|what| Finding::test(place, &name, what)))
            }
            None => found.push(Finding::test(place, &name, "the coordinator knows no such test")),
        }
    }
    for (job, name) in theirs.into_keys() {
        found.push(Finding::test(coordinator.job_name(job), &name, "the report does not list it"));
    }
}

/// The fields in which two records differ.
fn differences<T: Serialize + PartialEq>(ours: &T, theirs: &T) -> Vec<String> {
    if ours == theirs {
        return Vec::new();
    }
    let value = |record: &T| serde_json::to_value(record).unwrap_or_default();
    let (ours, theirs) = (value(ours), value(theirs));
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else { return Vec::new() };
    ours.iter()
        .filter_map(|(key, our)| {
            let their = theirs.get(key).filter(|their| *their != our)?;
            Some(format!("its {key} is {}, but the coordinator says {}", shortened(our), shortened(their)))
        })
        .collect()
}

fn shortened(value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > VALUE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(VALUE_BYTES_MAX));
        text.push('…');
    }
    text
}

const VALUE_BYTES_MAX: usize = 200;
