//! What the tries of a test tell of it, in one sentence.

use muster_proto::v1;

use crate::output::text::first_line;

/// What there is to say of a test. `is_over`: whether its job has ended; `job`: what there is to say of that.
pub(super) fn about_test(test: &v1::RunTest, is_over: bool, job: &str) -> String {
    let tries = test.tries.len();
    let (good, bad): (Vec<_>, Vec<_>) = test.tries.iter().partition(|a_try| a_try.outcome() == v1::TryOutcome::Passed);
    let said = bad.first().map(|a_try| first_line(&a_try.message)).filter(|said| !said.is_empty());
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    let all = agents(test.tries.iter());
    match test.verdict() {
        v1::TestVerdict::Passed => format!("it passed on {}", agents(good)),
        v1::TestVerdict::Failed if tries == 1 => format!("it failed at its only try, on {all}{said}"),
        v1::TestVerdict::Failed if good.is_empty() => format!("it failed at all its {tries} tries, on {all}{said}"),
        v1::TestVerdict::Failed => format!("it failed at {} of its {tries} tries, on {}{said}", bad.len(), agents(bad)),
        v1::TestVerdict::Flaky => {
            let is_last =
                good.len() == 1 && test.tries.last().map(v1::TestTry::outcome) == Some(v1::TryOutcome::Passed);
            let passed = if is_last { "only the last one".to_owned() } else { good.len().to_string() };
            format!("it is flaky: of {tries} tries on {all} {passed} passed{said}")
        }
        v1::TestVerdict::Skipped => format!("its runner says that it is not to be run here{said}"),
        v1::TestVerdict::Errored => format!("it could not be run{said}"),
        v1::TestVerdict::Unspecified if is_over => format!("its job ended before it had a verdict: the job {job}"),
        v1::TestVerdict::Unspecified if !test.waits_for.is_empty() => {
            let before = if tries > 0 { format!("it {}, and ", so_far(&good, &bad)) } else { "it ".to_owned() };
            format!("{before}waits for {}", test.waits_for)
        }
        v1::TestVerdict::Unspecified if bad.is_empty() && tries > 0 => {
            format!("it {} and is run again: a new or changed test is repeated although it passes", so_far(&good, &bad))
        }
        v1::TestVerdict::Unspecified if tries > 0 => {
            format!("it {} and is to be run again, elsewhere if there is another agent{said}", so_far(&good, &bad))
        }
        v1::TestVerdict::Unspecified => {
            format!("it has no verdict yet: it is with an agent or waits for one; the job {job}")
        }
    }
}

fn so_far(good: &[&v1::TestTry], bad: &[&v1::TestTry]) -> String {
    let passed = || format!("passed on {}", agents(good.iter().copied()));
    let did_not = || format!("did not pass on {}", agents(bad.iter().copied()));
    match (good.is_empty(), bad.is_empty()) {
        (false, false) => format!("{}, {}", passed(), did_not()),
        (false, true) => passed(),
        (true, _) => did_not(),
    }
}

fn agents<'a>(tries: impl IntoIterator<Item = &'a v1::TestTry>) -> String {
    tries.into_iter().map(|a_try| a_try.agent.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{a_try, test};
    use v1::TestVerdict as Verdict;
    use v1::TryOutcome::{Failed, Passed};

    fn told(verdict: Verdict, outcomes: &[v1::TryOutcome]) -> String {
        let tries = (1..).zip(outcomes).map(|(attempt, outcome)| a_try(attempt, *outcome)).collect();
        about_test(&v1::RunTest { tries, ..test(0, "a", verdict) }, false, "runs")
    }

    #[test]
    fn tries_of_a_test_that_is_repeated_although_it_passes_are_told_as_they_were() {
        assert_eq!(told(Verdict::Passed, &[Passed, Passed]), "it passed on agent-1, agent-2");
        let again = told(Verdict::Unspecified, &[Passed, Passed]);
        assert!(again.starts_with("it passed on agent-1, agent-2 and is run again: a new"), "{again}");
        let mixed = told(Verdict::Unspecified, &[Passed, Failed]);
        assert!(mixed.starts_with("it passed on agent-1, did not pass on agent-2 and is to be run again"), "{mixed}");
        let flaky = told(Verdict::Flaky, &[Passed, Failed, Passed]);
        assert!(flaky.starts_with("it is flaky: of 3 tries on agent-1, agent-2, agent-3 2 passed: "), "{flaky}");
        let failed = told(Verdict::Failed, &[Passed, Failed, Failed]);
        assert!(failed.starts_with("it failed at 2 of its 3 tries, on agent-2, agent-3: assertion"), "{failed}");
    }
}
