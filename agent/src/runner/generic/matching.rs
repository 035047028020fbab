//! Which `<testcase>` is which test.
//!
//! A test's id is compared with what the report calls it: `classname` or `file` before `name`, joined by one of
//! [`SEPARATORS`], and then `name` alone. The longer form wins, so that `a` of class `X` is the test `X.a` where there is
//! one. A form that fits two tests, or a bare name that two classes report, is an error, never a guess.
//!
//! Of tests within tests either the outer or the inner ones may be listed: what is no test itself is covered by the test
//! around it, or sums up those within it.

use std::collections::{BTreeMap, HashSet};

use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome;

use crate::report::case::{Case, CaseKey, CaseOutcome};
use crate::runner::failure::RunnerFailure;
use crate::runner::progress::Verdict;

/// Verdicts by the tests' names. Every case must belong to exactly one of `names`, or to a case around or within it.
pub(super) fn verdicts(names: &[&str], cases: Vec<Case>) -> Result<BTreeMap<String, Verdict>, RunnerFailure> {
    let known: HashSet<&str> = names.iter().copied().collect();
    let family = Family::of(&known, &cases)?;
    let mut found: BTreeMap<String, (Identity, Verdict)> = BTreeMap::new();
    for case in cases {
        let name = match name_of(&known, &case)? {
            Some(name) => name,
            None if family.accounts_for(&case) => continue,
            None => return Err(unknown(&case)),
        };
        let identity = Identity { class: case.class.clone(), file: case.file.clone(), name: case.name.clone() };
        let verdict = verdict(case);
        match found.remove(&name) {
            None => {
                found.insert(name, (identity, verdict));
            }
            Some((other, _)) if other != identity => return Err(ambiguous_cases(&name, &other, &identity)),
            // Some runners report a test's call and its teardown apart; it passed if both did.
            Some((_, first)) => {
                let worse = if badness(verdict.outcome) > badness(first.outcome) { verdict } else { first };
                found.insert(name, (identity, worse));
            }
        }
    }
    Ok(found.into_iter().map(|(name, (_, verdict))| (name, verdict)).collect())
}

#[derive(Debug, PartialEq, Eq)]
struct Identity {
    class: String,
    file: String,
    name: String,
}

/// Which cases of a report have others around or within them.
#[derive(Debug, Default)]
struct Family {
    /// Cases that are tests and have others within them.
    tests: HashSet<CaseKey>,
    /// Cases with something bad within them.
    troubled: HashSet<CaseKey>,
}

impl Family {
    fn of(known: &HashSet<&str>, cases: &[Case]) -> Result<Self, RunnerFailure> {
        let mut family = Self::default();
        for case in cases {
            if case.is_group && name_of(known, case)?.is_some() {
                family.tests.insert(case.key());
            }
            if case.outcome.is_bad() {
                family.troubled.extend(case.parents.iter().cloned());
            }
        }
        Ok(family)
    }

    /// Whether a case that is no test itself says nothing that the tests around or within it do not say.
    fn accounts_for(&self, case: &Case) -> bool {
        let is_within_test = case.parents.iter().any(|parent| self.tests.contains(parent));
        is_within_test || (case.is_group && (!case.outcome.is_bad() || self.troubled.contains(&case.key())))
    }
}

fn name_of(known: &HashSet<&str>, case: &Case) -> Result<Option<String>, RunnerFailure> {
    let prefixes = [&case.class, &case.file].into_iter().filter(|prefix| !prefix.is_empty());
    let long = prefixes.flat_map(|prefix| SEPARATORS.map(|separator| format!("{prefix}{separator}{}", case.name)));
    let mut fitting: Vec<String> = long.filter(|form| known.contains(form.as_str())).collect();
    fitting.sort();
    fitting.dedup();
    match &fitting[..] {
        [one] => Ok(Some(one.clone())),
        [] => Ok(known.contains(case.name.as_str()).then(|| case.name.clone())),
        several => {
            let message = format!("the report's `{}` fits several tests: `{}`", shown(case), several.join("`, `"));
            Err(RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message))
        }
    }
}

fn verdict(case: Case) -> Verdict {
    let outcome = match case.outcome {
        CaseOutcome::Passed => TryOutcome::Passed,
        CaseOutcome::Failed | CaseOutcome::Errored => TryOutcome::Failed,
        CaseOutcome::Skipped => TryOutcome::Skipped,
        // It said no, then yes: that is for Muster's own retry to show, never a plain pass.
        CaseOutcome::Flaky => TryOutcome::Failed,
    };
    let message = match case.outcome {
        CaseOutcome::Flaky => format!("failed, then passed when the runner repeated it by itself\n{}", case.message),
        CaseOutcome::Failed | CaseOutcome::Errored if case.message.is_empty() => "the test failed".to_owned(),
        CaseOutcome::Passed | CaseOutcome::Failed | CaseOutcome::Errored | CaseOutcome::Skipped => case.message,
    };
    Verdict { outcome, duration: case.duration, message, output: case.output.into_bytes() }
}

const fn badness(outcome: TryOutcome) -> u8 {
    match outcome {
        TryOutcome::Skipped => 0,
        TryOutcome::Passed => 1,
        TryOutcome::Errored => 2,
        TryOutcome::Failed => 3,
    }
}

fn unknown(case: &Case) -> RunnerFailure {
    let message = format!(
        "the report has a result for `{}`, which is none of the tests that were to be run; the `list` command has to \
         print ids that are formed like the report's",
        shown(case)
    );
    RunnerFailure::infrastructure(ReasonCode::TestUnknown, message)
}

fn ambiguous_cases(name: &str, first: &Identity, second: &Identity) -> RunnerFailure {
    let message = format!(
        "the report has two results for `{name}`: one of `{}{}`, one of `{}{}`; the `list` command has to print ids \
         that tell them apart",
        first.class, first.file, second.class, second.file
    );
    RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
}

fn shown(case: &Case) -> String {
    if case.class.is_empty() { case.name.clone() } else { format!("{} {}", case.class, case.name) }
}

/// What may stand between class or file and name.
const SEPARATORS: [&str; 7] = [".", "::", " ", "/", "#", ":", " > "];

#[cfg(test)]
mod tests {
    use super::*;

    fn case(class: &str, name: &str, outcome: CaseOutcome) -> Case {
        Case { class: class.to_owned(), name: name.to_owned(), outcome, ..Case::default() }
    }

    #[test]
    fn the_longer_form_wins_and_the_bare_name_serves() {
        let cases = vec![case("X", "a", CaseOutcome::Passed), case("Y", "b", CaseOutcome::Failed)];
        let verdicts = verdicts(&["a", "X.a", "b"], cases).expect("clear");
        let outcomes: Vec<_> = verdicts.iter().map(|(name, verdict)| (name.as_str(), verdict.outcome)).collect();
        assert_eq!(outcomes, [("X.a", TryOutcome::Passed), ("b", TryOutcome::Failed)]);
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        let code = |names: &[&str], cases| verdicts(names, cases).expect_err("not clear").reason.code;
        let two = vec![case("X", "a", CaseOutcome::Passed), case("Y", "a", CaseOutcome::Passed)];
        assert_eq!(code(&["a"], two), ReasonCode::ResultsBroken);
        assert_eq!(code(&["X.a", "X::a"], vec![case("X", "a", CaseOutcome::Passed)]), ReasonCode::ResultsBroken);
        assert_eq!(code(&["a"], vec![case("", "b", CaseOutcome::Passed)]), ReasonCode::TestUnknown);
    }

    #[test]
    fn of_tests_within_tests_either_kind_may_be_listed() {
        let within = |mut case: Case| {
            case.parents.push(CaseKey { class: String::new(), name: "T".to_owned() });
            case
        };
        let group = |outcome| Case { is_group: true, ..case("", "T", outcome) };
        let cases = || {
            vec![
                within(case("", "T/a", CaseOutcome::Failed)),
                group(CaseOutcome::Failed),
                case("", "U", CaseOutcome::Passed),
            ]
        };
        let listed =
            |names: &[&str], cases| verdicts(names, cases).map(|verdicts| verdicts.into_keys().collect::<Vec<_>>());
        assert_eq!(listed(&["T", "U"], cases()), Ok(vec!["T".to_owned(), "U".to_owned()]));
        assert_eq!(listed(&["T/a", "U"], cases()), Ok(vec!["T/a".to_owned(), "U".to_owned()]));
        // Nothing within it tells that the whole failed.
        let hidden = vec![within(case("", "T/a", CaseOutcome::Passed)), group(CaseOutcome::Failed)];
        assert!(listed(&["T/a"], hidden).is_err());
    }

    #[test]
    fn parts_of_one_test_are_taken_together_and_a_hidden_retry_is_no_pass() {
        let parts = vec![case("X", "a", CaseOutcome::Passed), case("X", "a", CaseOutcome::Errored)];
        assert_eq!(verdicts(&["a"], parts).expect("clear")["a"].outcome, TryOutcome::Failed);
        let flaky = verdicts(&["a"], vec![case("X", "a", CaseOutcome::Flaky)]).expect("clear");
        assert_eq!(flaky["a"].outcome, TryOutcome::Failed);
    }
}
