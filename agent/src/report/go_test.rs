//! What `go test -json` prints: one event a line.
//!
//! A test `TestX/sub` belongs to `TestX`. Every test that began must have ended, and every package too, or the file is cut
//! off; a package that ended badly in the middle of a test failed that test. A package that failed although none of its
//! tests did, such as one that does not compile, is a case of its own, named like the package.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use muster_common::limits::TESTS_PER_JOB_MAX;
use serde::Deserialize;

use super::budget::NameBudget;
use super::case::{Case, CaseKey, CaseOutcome};
use super::error::ReportError;
use super::numbered;

/// Reads a report.
///
/// # Errors
/// If it is not a whole report; never panics, whatever the bytes are.
pub fn read(bytes: &[u8]) -> Result<Vec<Case>, ReportError> {
    let mut run = Run::default();
    let mut last = 1;
    for (number, line) in numbered::lines(bytes) {
        last = number;
        // Older versions of Go print why a package does not compile between the events.
        if line.starts_with('{') {
            let event = serde_json::from_str(&line).map_err(|error| ReportError::at_line(number, error.to_string()))?;
            run.take(event).map_err(|what| ReportError::at_line(number, what))?;
        }
    }
    run.end().map_err(|what| ReportError::at_line(last, what))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: String,
    elapsed: Option<f64>,
    #[serde(default)]
    output: String,
}

#[derive(Default)]
struct Run {
    budget: NameBudget,
    packages: BTreeMap<String, Package>,
    cases: Vec<Case>,
}

#[derive(Default)]
struct Package {
    tests: BTreeMap<String, usize>,
    open: BTreeSet<usize>,
    output: Case,
    outcome: Option<CaseOutcome>,
    has_failed_test: bool,
}

impl Run {
    fn take(&mut self, event: Event) -> Result<(), String> {
        let Event { action, package: name, test, elapsed, output } = event;
        let package = self.packages.entry(name.clone()).or_default();
        let ended = match action.as_str() {
            "pass" => Some(CaseOutcome::Passed),
            "fail" => Some(CaseOutcome::Failed),
            "skip" => Some(CaseOutcome::Skipped),
            _ => None,
        };
        if test.is_empty() {
            package.output.write(&output);
            package.outcome = ended.or(package.outcome);
            if ended.is_some_and(CaseOutcome::is_bad) {
                package.close(&mut self.cases);
            }
            return Ok(());
        }
        let index = match package.tests.get(&test) {
            Some(index) => *index,
            None if self.cases.len() == TESTS_PER_JOB_MAX => {
                return Err(format!("more than {TESTS_PER_JOB_MAX} tests"));
            }
            None => {
                let index = self.cases.len();
                let parents = parents(&name, &test);
                self.budget.take(parents.iter().map(|key| key.class.len() + key.name.len()).sum())?;
                self.cases.push(Case { parents, class: name, name: test.clone(), ..Case::default() });
                package.tests.insert(test, index);
                package.open.insert(index);
                index
            }
        };
        let case = &mut self.cases[index];
        case.write(&output);
        if let Some(outcome) = ended {
            case.outcome = outcome;
            case.duration = elapsed.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            package.has_failed_test |= outcome.is_bad();
            package.open.remove(&index);
        }
        Ok(())
    }

    fn end(mut self) -> Result<Vec<Case>, String> {
        if self.packages.is_empty() {
            return Err("the file is empty: there is no event of `go test -json` in it".to_owned());
        }
        for (name, package) in std::mem::take(&mut self.packages) {
            if let Some(open) = package.open.first() {
                return Err(format!("the file is cut off: `{}` of `{name}` has no end", self.cases[*open].name));
            }
            match package.outcome {
                None if package.tests.is_empty() && name.is_empty() => {}
                None => return Err(format!("the file is cut off: the package `{name}` has no end")),
                Some(outcome) if outcome.is_bad() && !package.has_failed_test => {
                    let message = "the package failed, and none of its tests".to_owned();
                    self.cases.push(Case { name, outcome, message, is_group: true, ..package.output });
                }
                Some(_) => {}
            }
        }
        for case in &mut self.cases {
            if case.outcome.is_bad() && case.message.is_empty() {
                case.message = failure_line(&case.output);
            }
        }
        Ok(mark_groups(self.cases))
    }
}

impl Package {
    /// It failed while these tests ran: a panic, an exit, a time limit.
    fn close(&mut self, cases: &mut [Case]) {
        for index in std::mem::take(&mut self.open) {
            cases[index].outcome = CaseOutcome::Failed;
            "the test process ended while this test ran".clone_into(&mut cases[index].message);
            self.has_failed_test = true;
        }
    }
}

fn parents(package: &str, test: &str) -> Vec<CaseKey> {
    let slashes = test.char_indices().filter(|(_, character)| *character == '/').take(DEPTH_MAX);
    slashes.map(|(place, _)| CaseKey { class: package.to_owned(), name: test[..place].to_owned() }).collect()
}

fn mark_groups(mut cases: Vec<Case>) -> Vec<Case> {
    let groups: HashSet<CaseKey> = cases.iter().filter_map(|case| case.parents.last().cloned()).collect();
    for case in &mut cases {
        case.is_group |= groups.contains(&case.key());
    }
    cases
}

/// What a failed test logged first: `x_test.go:3: said`.
fn failure_line(output: &str) -> String {
    let is_told = |line: &&str| !line.is_empty() && !["===", "---", "FAIL"].iter().any(|mark| line.starts_with(mark));
    output.lines().map(str::trim).find(is_told).unwrap_or("the test failed").to_owned()
}

/// Subtests within each other whose ancestors are looked at.
const DEPTH_MAX: usize = 32;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn tests_subtests_and_packages_are_read() {
        let cases = read(SAMPLE.as_bytes()).expect("a whole report");
        let shown: Vec<_> =
            cases.iter().map(|case| (case.class.as_str(), case.name.as_str(), case.outcome, case.is_group)).collect();
        assert_eq!(
            shown,
            [
                ("m/a", "TestAdds", CaseOutcome::Passed, false),
                ("m/a", "TestTable", CaseOutcome::Failed, true),
                ("m/a", "TestTable/two", CaseOutcome::Failed, false),
                ("m/a", "TestLater", CaseOutcome::Skipped, false),
                ("", "m/b", CaseOutcome::Failed, true),
            ]
        );
        assert_eq!(cases[2].message, "a_test.go:9: no");
        assert_eq!(cases[2].parents, [CaseKey { class: "m/a".to_owned(), name: "TestTable".to_owned() }]);
        assert_eq!(cases[0].duration, Some(Duration::from_millis(10)));
    }

    #[test]
    fn a_cut_is_noticed_and_a_panic_is_the_failure_of_what_ran() {
        let lines: Vec<&str> = SAMPLE.lines().collect();
        // After its 12th line the report of the first package is whole.
        for count in (0..lines.len() - 1).filter(|count| !(12..15).contains(count)) {
            assert!(read(lines[..count].join("\n").as_bytes()).is_err(), "{count} lines");
        }
        let text = concat!(
            r#"{"Action":"run","Package":"p","Test":"TestX"}"#,
            "\n",
            r#"{"Action":"output","Package":"p","Test":"TestX","Output":"panic: oh\n"}"#,
            "\n",
            r#"{"Action":"fail","Package":"p","Elapsed":0.1}"#
        );
        let cases = read(text.as_bytes()).expect("a whole report");
        assert_eq!((cases.len(), cases[0].outcome), (1, CaseOutcome::Failed));
    }

    pub(in crate::report) const SAMPLE: &str = r#"{"Time":"2026-01-01T00:00:00Z","Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestAdds"}
{"Action":"output","Package":"m/a","Test":"TestAdds","Output":"=== RUN   TestAdds\n"}
{"Action":"pass","Package":"m/a","Test":"TestAdds","Elapsed":0.01}
{"Action":"run","Package":"m/a","Test":"TestTable"}
{"Action":"run","Package":"m/a","Test":"TestTable/two"}
{"Action":"output","Package":"m/a","Test":"TestTable/two","Output":"    a_test.go:9: no\n"}
{"Action":"fail","Package":"m/a","Test":"TestTable/two","Elapsed":0}
{"Action":"fail","Package":"m/a","Test":"TestTable","Elapsed":0}
{"Action":"run","Package":"m/a","Test":"TestLater"}
{"Action":"skip","Package":"m/a","Test":"TestLater","Elapsed":0}
{"Action":"fail","Package":"m/a","Elapsed":0.02}
# m/b
b.go:1: broken
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b [build failed]\n"}
{"Action":"fail","Package":"m/b","Elapsed":0}
"#;
}
