//! Any runner, by two commands and JUnit XML.

use std::time::Duration;

use crate::place::{Place, names};
use muster_agent::attempt::lifeline::Lifeline;
use muster_agent::runner::Fault;
use muster_common::control::RUNNER_CRASHED;
use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome::{Errored, Failed, Passed};
use muster_common::spec::{ResultFormat, Runner};

/// Runs each named test: `bad…` fails, `kill…` kills the runner, `die…` what the runner calls, `hang…` hangs, `loud…` writes without end, `gone…` is left out.
const RUN: &str = r#"
{ echo '<testsuite name="s">'
while IFS= read -r name; do
  case "$name" in
    kill*) kill -9 $$ ;;
    die*) sh -c 'kill -11 $$' ;;
    hang*) sleep 1000 ;;
    loud*) yes >&2 ;;
    gone*) ;;
    bad*) echo "<testcase name=\"$name\"><failure message=\"no\"/></testcase>" ;;
    *) echo "<testcase name=\"$name\"/>" ;;
  esac
done < {tests_file}
echo '</testsuite>'; } > results.xml
"#;

#[tokio::test]
async fn lists_and_verdicts_arrive() {
    let place = Place::new();
    let runner = generic("printf 'a b\\n\\nbad [x]\\n'", RUN);
    let (found, seal) = place.discover(&runner).await.expect("it lists");
    assert_eq!((found.clone(), seal.count), (names(&["a b", "bad [x]"]), 2));
    let ran = place.run(&runner, &found).await;
    let outcomes = ran.outcomes(&found);
    assert_eq!((outcomes["a b"], outcomes["bad [x]"]), (Passed, Failed));
    assert_eq!(ran.result(&found, "bad [x]").message, "no");
}

#[tokio::test]
async fn a_crash_or_a_hang_costs_one_test() {
    let mut place = Place::new();
    place.context.test_timeout = Duration::from_secs(2);
    let asked = names(&["a", "kill", "die", "hang", "loud", "b"]);
    let ran = place.run(&generic("", RUN), &asked).await;
    let outcomes = ran.outcomes(&asked);
    assert_eq!(
        ["a", "b", "kill", "die", "hang", "loud"].map(|name| outcomes[name]),
        [Passed, Passed, Errored, Errored, Failed, Failed]
    );
    assert!(ran.result(&asked, "kill").message.contains("signal 9"));
    assert!(ran.result(&asked, "die").message.contains(RUNNER_CRASHED));
}

#[tokio::test]
async fn a_runner_that_its_keeper_ends_costs_no_test() {
    let mut place = Place::new();
    place.context.lifeline = Some(Lifeline::new().expect("there is memory for it"));
    let asked = names(&["hang", "b"]);
    let ran = place.run(&generic("", RUN), &asked).await;
    assert_eq!(ran.end.expect_err("its lifeline has ended").reason.code, ReasonCode::OutcomeUnknown);
    assert!(ran.results.is_empty(), "{:?}", ran.results);
}

#[tokio::test]
async fn a_command_that_dies_in_the_shell_is_found_one_by_one() {
    let place = Place::new();
    let asked = names(&["a", "die", "b"]);
    let outcomes = place.run(&generic("", RUN), &asked).await.outcomes(&asked);
    assert_eq!(["a", "die", "b"].map(|name| outcomes[name]), [Passed, Errored, Passed]);
}

#[tokio::test]
async fn one_test_that_makes_the_runner_give_up_is_errored() {
    let place = Place::new();
    let asked = names(&["a"]);
    let ran = place.run(&generic("", "echo no database >&2; exit 3"), &asked).await;
    let result = ran.result(&asked, "a");
    assert_eq!(result.outcome, Errored);
    assert!(result.message.contains("exit status 3 and wrote no results"), "{}", result.message);
    assert!(!result.message.contains(RUNNER_CRASHED));
}

#[tokio::test]
async fn a_runner_that_runs_nothing_is_never_a_pass() {
    let place = Place::new();
    let code = async |run: &str, asked: &[&str]| {
        let failure = place.run(&generic("", run), &names(asked)).await.end.expect_err("nothing to trust");
        assert_eq!(failure.fault, Fault::Infrastructure);
        failure.reason.code
    };
    assert_eq!(code("exit 0", &["a"]).await, ReasonCode::ResultsMissing);
    assert_eq!(code("exit 3", &["a", "b"]).await, ReasonCode::ResultsMissing);
    assert_eq!(code("no-such-runner {tests_file}", &["a"]).await, ReasonCode::RunnerMissing);
    assert_eq!(code("echo '<testsuite/>' > results.xml", &["a", "b"]).await, ReasonCode::ResultsMissing);
    assert_eq!(code("echo '<testsuite><testcase name=\"a\"/>' > results.xml", &["a"]).await, ReasonCode::ResultsBroken);
    assert_eq!(code(&format!("{RUN}\nexit 1"), &["a"]).await, ReasonCode::RunnerCrashed);
    assert_eq!(
        code("echo '<testsuite><testcase name=\"x\"/></testsuite>' > results.xml", &["a"]).await,
        ReasonCode::TestUnknown
    );
}

#[tokio::test]
async fn results_of_an_earlier_run_do_not_count() {
    let place = Place::new();
    let asked = names(&["a"]);
    place.run(&generic("", RUN), &asked).await.outcomes(&asked);
    let again = place.run(&generic("", "exit 0"), &asked).await.end.expect_err("nothing new was written");
    assert_eq!(again.reason.code, ReasonCode::ResultsMissing);
    place.run(&generic("", RUN), &asked).await.outcomes(&asked);
}

#[tokio::test]
async fn a_test_that_the_results_leave_out_is_errored() {
    let place = Place::new();
    let asked = names(&["a", "gone"]);
    let outcomes = place.run(&generic("", RUN), &asked).await;
    assert_eq!(outcomes.outcomes(&asked)["gone"], Errored);
    assert!(outcomes.result(&asked, "gone").message.contains("without a result"));
}

#[tokio::test]
async fn ten_thousand_ids_go_through_a_file() {
    let place = Place::new();
    let runner = generic("seq -f 'test number %g with a long name and (brackets)' 1 10000", RUN);
    let (found, _) = place.discover(&runner).await.expect("it lists");
    assert_eq!(found.len(), 10_000);
    assert!(place.run(&runner, &found).await.outcomes(&found).values().all(|outcome| *outcome == Passed));
}

#[tokio::test]
async fn a_list_that_fails_says_why() {
    let place = Place::new();
    for (list, fault, code) in [
        ("echo broken >&2; exit 3", Fault::User, ReasonCode::DiscoveryFailed),
        ("no-such-runner --list", Fault::Infrastructure, ReasonCode::RunnerMissing),
        ("echo a; echo a", Fault::User, ReasonCode::DiscoveryFailed),
        ("printf '\\377\\n'", Fault::User, ReasonCode::DiscoveryFailed),
    ] {
        let failure = place.discover(&generic(list, RUN)).await.expect_err("no list");
        assert_eq!((failure.fault, failure.reason.code), (fault, code), "{list}: {failure}");
    }
}

#[tokio::test]
async fn stopping_stops() {
    let place = Place::new();
    let stop = place.context.stop.clone();
    let asked = names(&["hang"]);
    let runner = generic("", RUN);
    let ran = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(place.run(&runner, &asked), ran);
    assert_eq!(ran.end.expect_err("it was stopped").fault, Fault::Cancelled);
    assert!(ran.results.is_empty());
}

fn generic(list: &str, run: &str) -> Runner {
    Runner::Generic {
        list: list.to_owned(),
        run: run.to_owned(),
        results: names(&["*.xml"]),
        format: ResultFormat::Junit,
    }
}
