//! Whatever is changed in a report is found, and what is not changed is not.

use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};
use muster_proto::v1;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::canonical::names_sha256;
use super::document::{Counts, Document, Kind, TestRecord};
use super::file::parse;
use super::{check, compare, to_bytes};
use crate::report::samples::{job, report, test, tests_job};

/// A whole report: some test jobs whose tests have these verdicts, and a job of steps.
fn document(verdicts: &[Vec<v1::TestVerdict>]) -> Document {
    let mut jobs = Vec::new();
    let mut all = Vec::new();
    for (number, verdicts) in (0..).zip(verdicts) {
        let tests: Vec<_> = (0..)
            .zip(verdicts)
            .map(|(index, verdict)| v1::RunTest {
                job: number,
                ..test(index, &format!("t {index} é\u{7f}\n"), *verdict)
            })
            .collect();
        let mut tested = tests_job(number, &tests);
        tested.name = format!("unit {number}");
        let names = tests.iter().map(|test| test.name.as_str());
        tested.discovery_sha256 = Some(bytes_of(&names_sha256(names)));
        let has = |verdict| verdicts.contains(&verdict);
        let (outcome, code) = if has(v1::TestVerdict::Failed) {
            (v1::Outcome::Failed, "tests_failed")
        } else if has(v1::TestVerdict::Errored) || has(v1::TestVerdict::Unspecified) {
            (v1::Outcome::Errored, "test_not_run")
        } else {
            (v1::Outcome::Passed, "")
        };
        tested.set_outcome(outcome);
        tested.reason = (!code.is_empty()).then(|| v1::Reason { code: code.to_owned(), message: "why".to_owned() });
        jobs.push(tested);
        all.extend(tests);
    }
    jobs.push(job(jobs.len() as u32, "lint", v1::JobKind::Steps));
    let has = |outcome| jobs.iter().any(|job| job.outcome() == outcome);
    let outcome = [v1::Outcome::Failed, v1::Outcome::Errored].into_iter().find(|outcome| has(*outcome));
    Document::of(&report(outcome.unwrap_or(v1::Outcome::Passed), jobs, all))
}

fn bytes_of(hexadecimal: &str) -> bytes::Bytes {
    let digits = hexadecimal.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits are ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("they are digits")).collect()
}

fn documents() -> impl Strategy<Value = Document> {
    use v1::TestVerdict::{Errored, Failed, Flaky, Passed, Skipped, Unspecified};
    let verdict = select(vec![Passed, Passed, Passed, Failed, Flaky, Skipped, Errored, Unspecified]);
    vec(vec(verdict, 1..6), 1..4).prop_map(|verdicts| document(&verdicts))
}

/// Every place in a value, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| places(value, &format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Another value for this place: a change of any kind that its type allows.
fn changed(value: &Value, how: Index) -> Value {
    let number = how.index(3);
    match value {
        Value::Null => [json!(1), json!("x"), json!({ "code": "x", "message": "y" })][number].clone(),
        Value::Bool(flag) => json!(!flag),
        Value::Number(value) => match number {
            0 => json!(value.as_u64().map_or(0, |value| value + 1)),
            1 => json!(value.as_f64().map_or(0.5, |value| value + 0.5)),
            _ => Value::Null,
        },
        Value::String(text) => match (number, text.as_str()) {
            (0, "passed") => json!("failed"),
            (0, _) => json!("passed"),
            (1, text) => json!(format!("{text}x")),
            _ => json!(text.chars().skip(1).collect::<String>()),
        },
        Value::Array(list) => {
            let mut list = list.clone();
            match list.len() {
                0 => list.push(json!({})),
                length => match number {
                    0 => drop(list.remove(how.index(length))),
                    1 => list.push(list[how.index(length)].clone()),
                    _ => list.insert(0, list[length - 1].clone()),
                },
            }
            Value::Array(list)
        }
        Value::Object(map) => {
            let mut map = map.clone();
            let key = map.keys().nth(how.index(map.len())).cloned().unwrap_or_default();
            // An absent key and null say the same.
            if number == 0 || map[&key].is_null() {
                map.insert("more".to_owned(), json!(1));
            } else {
                map.remove(&key);
            }
            Value::Object(map)
        }
    }
}

proptest! {
    #[test]
    fn a_report_that_nobody_touched_is_true_to_itself(document in documents()) {
        prop_assert_eq!(check(&document), []);
        let read = parse(&to_bytes(&document)).expect("it was just written");
        prop_assert_eq!(compare(&read, &document), []);
    }

    #[test]
    fn any_single_change_of_the_file_is_found(document in documents(), place in any::<Index>(), how in any::<Index>()) {
        let mut value = serde_json::to_value(&document).expect("a report is JSON");
        let mut all = Vec::new();
        places(&value, "", &mut all);
        let place = place.get(&all);
        let target = value.pointer_mut(place).expect("the place was just found");
        let new = changed(target, how);
        prop_assume!(new != *target);
        *target = new;
        match parse(&serde_json::to_vec(&value).expect("it is JSON")) {
            Ok(read) => prop_assert!(!check(&read).is_empty(), "nothing was found at {place}"),
            Err(error) => drop(error),
        }
    }

    #[test]
    fn a_lie_under_a_new_digest_is_found(document in documents(), lie in select(LIES.to_vec()), at in any::<Index>()) {
        let mut lying = document.clone();
        (lie.tell)(&mut lying, at);
        prop_assume!(lying != document);
        lying.seal();
        let found = check(&lying);
        prop_assert!(!found.is_empty(), "{}", lie.name);
        prop_assert!(found.iter().all(|finding| !finding.what.contains("digest of the content")));
        prop_assert!(!compare(&lying, &document).is_empty());
    }
}

#[derive(Clone, Copy, Debug)]
struct Lie {
    name: &'static str,
    tell: fn(&mut Document, Index),
}

const LIES: &[Lie] = &[
    Lie { name: "a test is dropped", tell: |document, at| drop(document.tests.remove(at.index(document.tests.len()))) },
    Lie {
        name: "a test is dropped and everything counted anew",
        tell: |document, at| {
            let gone = document.tests.remove(at.index(document.tests.len()));
            let last = document.tests.iter_mut().filter(|test| test.job == gone.job);
            for (number, test) in (0..).zip(last) {
                test.test = number;
            }
            recount(document);
        },
    },
    Lie { name: "a test is renamed", tell: |document, at| test_at(document, at).name.push('x') },
    Lie {
        name: "a test is added",
        tell: |document, _| {
            let mut last = document.tests.last().expect("there are tests").clone();
            last.test += 1;
            last.name.push('x');
            document.tests.push(last);
            recount(document);
        },
    },
    Lie {
        name: "two tests are exchanged",
        tell: |document, at| {
            let place = at.index(document.tests.len());
            let other = document.tests[0].clone();
            document.tests[0] = document.tests[place].clone();
            document.tests[place] = other;
        },
    },
    Lie {
        name: "a verdict is turned, with its sums",
        tell: |document, at| {
            let test = test_at(document, at);
            test.verdict = match test.verdict {
                Some(TestVerdict::Passed) => Some(TestVerdict::Failed),
                _ => Some(TestVerdict::Passed),
            };
            recount(document);
        },
    },
    Lie {
        name: "the last try of a test is turned",
        tell: |document, at| {
            if let Some(last) = test_at(document, at).tries.last_mut() {
                last.outcome = match last.outcome {
                    TryOutcome::Passed => TryOutcome::Failed,
                    TryOutcome::Failed | TryOutcome::Skipped | TryOutcome::Errored => TryOutcome::Passed,
                };
            }
        },
    },
    Lie {
        name: "the first of several tries is dropped",
        tell: |document, at| {
            let tries = &mut test_at(document, at).tries;
            if tries.len() > 1 {
                tries.remove(0);
            }
        },
    },
    Lie {
        name: "a sum is changed",
        tell: |document, at| {
            let place = at.index(document.jobs.len() - 1);
            let counts = document.jobs[place].tests.as_mut();
            counts.expect("all jobs but the last are test jobs").passed += 1;
        },
    },
    Lie { name: "a sum of the run is changed", tell: |document, _| document.run.tests.flaky += 1 },
    Lie {
        name: "a job that did not pass passed, and its run",
        tell: |document, _| {
            document.jobs.iter_mut().for_each(|job| job.outcome = Some(Outcome::Passed));
            document.run.outcome = Some(Outcome::Passed);
        },
    },
    Lie {
        name: "the run ended otherwise",
        tell: |document, _| {
            document.run.outcome = match document.run.outcome {
                Some(Outcome::Passed) => Some(Outcome::Failed),
                _ => Some(Outcome::Passed),
            };
        },
    },
    Lie {
        name: "a job is dropped",
        tell: |document, at| {
            let gone = document.jobs.remove(at.index(document.jobs.len() - 1)).job;
            document.tests.retain(|test| test.job != gone);
            recount(document);
        },
    },
    Lie {
        name: "a test job becomes steps",
        tell: |document, at| {
            let place = at.index(document.jobs.len() - 1);
            document.jobs[place].kind = Kind::Steps;
        },
    },
];

fn test_at(document: &mut Document, at: Index) -> &mut TestRecord {
    let place = at.index(document.tests.len());
    &mut document.tests[place]
}

/// Makes every sum that of the list, as a liar with some patience would.
fn recount(document: &mut Document) {
    document.run.tests = Counts::default();
    for job in &mut document.jobs {
        let Some(counts) = job.tests.as_mut() else { continue };
        *counts = Counts::default();
        for test in document.tests.iter().filter(|test| test.job == job.job) {
            counts.add(test.verdict, test.quarantined);
            document.run.tests.add(test.verdict, test.quarantined);
        }
    }
}

#[test]
fn a_finding_names_the_job_and_the_test() {
    let mut document = document(&[vec![v1::TestVerdict::Failed, v1::TestVerdict::Passed]]);
    document.tests[0].verdict = Some(TestVerdict::Passed);
    recount(&mut document);
    document.seal();
    let said: Vec<String> = check(&document).iter().map(ToString::to_string).collect();
    let expected = [
        "job `unit 0`, test `t 0 é\\x7f\\n`: its verdict is passed, but its tries come to failed",
        "job `unit 0`: it failed, but every test has a verdict and none of them failed",
    ];
    assert_eq!(said, expected);
}

#[test]
fn keys_that_come_twice_or_are_unknown_are_refused() {
    let document = document(&[vec![v1::TestVerdict::Passed]]);
    let text = String::from_utf8(to_bytes(&document)).expect("JSON is UTF-8");
    for (from, to) in [
        ("\"verdict\":\"passed\"", "\"verdict\":\"failed\",\"verdict\":\"passed\""),
        ("\"verdict\":\"passed\"", "\"verdict\":\"passed\",\"note\":1"),
        ("muster-report-1", "muster-report-2"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(parse(changed.as_bytes()).is_err(), "{to}");
    }
    assert!(parse(&text.as_bytes()[..text.len() / 2]).is_err());
}

#[test]
fn the_canonical_form_has_the_keys_of_every_object_in_order() {
    let document = document(&[vec![v1::TestVerdict::Flaky]]);
    let value = serde_json::to_value(&document).expect("a report is JSON");
    let written = serde_json::to_string(&document).expect("a report is JSON");
    assert_eq!(written, sorted(&value));
}

fn sorted(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let parts = keys.into_iter().map(|key| format!("{}:{}", json!(key), sorted(&map[key])));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(sorted).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[test]
fn the_digest_is_that_of_rfc_8785() {
    let document = document(&[vec![v1::TestVerdict::Passed, v1::TestVerdict::Flaky]]);
    insta::assert_snapshot!(String::from_utf8_lossy(&to_bytes(&document)));
    // Computed by the Python in docs/reference/report.md from what stands in the snapshot.
    assert_eq!(document.digest, COMPUTED_ELSEWHERE);
}

const COMPUTED_ELSEWHERE: &str = "sha256:f122e96f9637d17a7c9e29aed9a7cce62a064c0e7ebeebb238b3580e8051f2a1";

#[test]
fn a_failed_test_in_quarantine_does_not_fail_its_run_and_one_outside_does() {
    let tests: Vec<_> = [v1::TestVerdict::Failed, v1::TestVerdict::Passed]
        .into_iter()
        .enumerate()
        .map(|(index, verdict)| test(index as u32, &format!("t{index}"), verdict))
        .map(|found| v1::RunTest { is_quarantined: found.test == 0, ..found })
        .collect();
    let mut tested = tests_job(0, &tests);
    tested.discovery_sha256 = Some(bytes_of(&names_sha256(tests.iter().map(|test| test.name.as_str()))));
    tested.set_outcome(v1::Outcome::Passed);
    tested.tests.as_mut().expect("it is a test job").quarantined = 1;
    let mut document = Document::of(&report(v1::Outcome::Passed, vec![tested], tests));
    assert_eq!(check(&document), []);
    let written = String::from_utf8(to_bytes(&document)).expect("JSON is UTF-8");
    assert_eq!(written.matches("quarantined").count(), 3, "the test and both sums");
    document.tests[0].quarantined = false;
    recount(&mut document);
    document.seal();
    let said: Vec<String> = check(&document).iter().map(ToString::to_string).collect();
    assert_eq!(said, ["job `unit`: it passed, but 1 of its tests failed"]);
}
