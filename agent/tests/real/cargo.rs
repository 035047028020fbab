//! `cargo test` and `cargo nextest` as they are installed, through the adapters, on a small crate without dependencies.

use std::path::PathBuf;
use std::time::Duration;

use crate::place::{Place, names, text};
use muster_agent::runner::Fault;
use muster_common::error_code::ReasonCode;
use muster_common::outcome::TryOutcome::{self, Errored, Failed, Passed, Skipped};
use muster_common::spec::Runner;

const NEXTEST: Runner = Runner::CargoNextest { args: Vec::new() };
const CARGO_TEST: Runner = Runner::CargoTest { args: Vec::new() };

#[tokio::test]
async fn nextest_builds_lists_and_runs() {
    let place = place("nextest-all");
    place.build(&NEXTEST).await.expect("it builds");
    let (found, seal) = place.discover(&NEXTEST).await.expect("it lists");
    let mut expected: Vec<String> = UNIT_TESTS.iter().map(|(name, _)| format!("tiny tests::{name}")).collect();
    expected.retain(|name| !name.ends_with("ignored"));
    expected.extend(["aborts", "exits", "fine", "prints"].map(|name| format!("tiny::it {name}")));
    expected.push("tiny::bin/tiny in_main".to_owned());
    expected.sort();
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!((sorted, seal.count as usize), (expected, found.len()));

    let ran = place.run(&NEXTEST, &found).await;
    let outcomes = ran.outcomes(&found);
    assert_unit_tests(|name| outcomes.get(format!("tiny tests::{name}").as_str()).copied());
    assert_eq!((outcomes["tiny::it aborts"], outcomes["tiny::bin/tiny in_main"]), (Failed, Passed));
    assert_failure(&ran.result(&found, "tiny tests::fails").message);
    assert!(text(&ran.result(&found, "tiny tests::fails").output).contains("before"));
    assert_eq!(ran.started.len(), found.len(), "every start is seen");

    let some = names(&["tiny tests::adds", "tiny::it fine"]);
    let ran = place.run(&NEXTEST, &some).await;
    assert!(ran.outcomes(&some).values().all(|outcome| *outcome == Passed));
}

#[tokio::test]
async fn cargo_test_builds_lists_and_runs() {
    let place = place("cargo-test-all");
    place.write("custom.rs", "fn main() {\n    println!(\"own harness\");\n}\n");
    place.write(
        "Cargo.toml",
        &format!("{MANIFEST}\n[[test]]\nname = \"custom\"\npath = \"custom.rs\"\nharness = false\n"),
    );
    place.build(&CARGO_TEST).await.expect("it builds");
    let (found, _) = place.discover(&CARGO_TEST).await.expect("it lists");
    let mut expected: Vec<String> = UNIT_TESTS.iter().map(|(name, _)| format!("tiny tests::{name}")).collect();
    expected.extend(["aborts", "exits", "fine", "prints"].map(|name| format!("tiny::it {name}")));
    expected.extend(["tiny::bin/tiny in_main", "tiny::custom (whole)"].map(str::to_owned));
    expected.extend([3, 6, 9].map(|line| format!("tiny::doc/tiny src/lib.rs - add (line {line})")));
    expected.sort();
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(sorted, expected);

    let ran = place.run(&CARGO_TEST, &found).await;
    let outcomes = ran.outcomes(&found);
    assert_unit_tests(|name| outcomes.get(format!("tiny tests::{name}").as_str()).copied());
    let expected = [
        ("tiny::it aborts", Errored),
        ("tiny::it exits", Errored),
        ("tiny::it fine", Passed),
        ("tiny::it prints", Passed),
        ("tiny::bin/tiny in_main", Passed),
        ("tiny::custom (whole)", Passed),
        ("tiny::doc/tiny src/lib.rs - add (line 3)", Passed),
        ("tiny::doc/tiny src/lib.rs - add (line 6)", Passed),
        ("tiny::doc/tiny src/lib.rs - add (line 9)", Skipped),
    ];
    for (name, outcome) in expected {
        assert_eq!(outcomes[name], outcome, "{name}");
    }
    assert_failure(&ran.result(&found, "tiny tests::fails").message);
    assert_eq!(
        ran.result(&found, "tiny::it aborts").message,
        "the runner was ended by signal 6 (SIGABRT) while this test ran"
    );

    let one = names(&["tiny::doc/tiny src/lib.rs - add (line 3)"]);
    assert_eq!(place.run(&CARGO_TEST, &one).await.outcomes(&one)[one[0].as_str()], Passed);
}

#[tokio::test]
async fn doc_tests_of_each_package_get_the_features_that_it_has() {
    let place = place("cargo-test-features");
    place.write("Cargo.toml", &format!("{MANIFEST}members = [\"other\"]\n[features]\nextra = []\n"));
    place.write("src/lib.rs", "/// ```\n/// tiny::extra()\n/// ```\n#[cfg(feature = \"extra\")]\npub fn extra() {}\n");
    place.write("other/Cargo.toml", "[package]\nname = \"other\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    place.write("other/src/lib.rs", "//! ```\n//! assert!(true)\n//! ```\n");
    let runner = Runner::CargoTest { args: names(&["--workspace", "--features", "extra"]) };
    place.build(&runner).await.expect("it builds");
    let (found, _) = place.discover(&runner).await.expect("it lists");
    let mut docs: Vec<String> = found.into_iter().filter(|name| name.contains("::doc/")).collect();
    docs.sort();
    assert_eq!(
        docs,
        ["other::doc/other other/src/lib.rs - (line 1)", "tiny::doc/tiny src/lib.rs - extra (line 1)"],
        "{docs:?}"
    );
    assert!(place.run(&runner, &docs).await.outcomes(&docs).values().all(|outcome| *outcome == Passed));
}

#[tokio::test]
async fn executables_get_the_variables_that_cargo_sets() {
    let place = place("cargo-test-variables");
    place.write(".cargo/config.toml", "[env]\nFROM_CONFIG = \"yes\"\n");
    place.write("build.rs", "fn main() {\n    println!(\"cargo::rustc-env=FROM_SCRIPT=yes\");\n}\n");
    place.write("tests/it.rs", VARIABLES);
    place.build(&CARGO_TEST).await.expect("it builds");
    let ran = place.run(&CARGO_TEST, &names(&["tiny::it variables"])).await;
    let result = ran.result(&names(&["tiny::it variables"]), "tiny::it variables");
    assert_eq!(result.outcome, Passed, "{}", result.message);
}

#[tokio::test]
async fn a_test_that_hangs_fails_and_the_rest_goes_on() {
    for (runner, folder) in [(NEXTEST, "nextest-hang"), (CARGO_TEST, "cargo-test-hang")] {
        let mut place = place(folder);
        place.context.test_timeout = Duration::from_secs(3);
        let hang = "#[test]\nfn a() {}\n#[test]\nfn hang() {\n    std::thread::sleep(std::time::Duration::from_secs(1000))\n}\n#[test]\nfn z() {}\n";
        place.write("tests/it.rs", hang);
        place.build(&runner).await.expect("it builds");
        let asked = names(&["tiny::it a", "tiny::it hang", "tiny::it z"]);
        let ran = place.run(&runner, &asked).await;
        assert_eq!(
            ran.outcomes(&asked).into_values().collect::<Vec<_>>(),
            [Passed, Failed, Passed],
            "{}",
            runner.name()
        );
        assert!(ran.result(&asked, "tiny::it hang").message.contains("time limit"));
    }
}

#[tokio::test]
async fn what_does_not_compile_is_the_users() {
    for (runner, folder) in [(NEXTEST, "nextest-broken"), (CARGO_TEST, "cargo-test-broken")] {
        let place = place(folder);
        place.write("src/lib.rs", "pub fn broken( {\n");
        let failure = place.build(&runner).await.expect_err("it does not compile");
        assert_eq!((failure.fault, failure.reason.code), (Fault::User, ReasonCode::BuildFailed), "{failure}");
        assert!(failure.reason.message.contains("src/lib.rs"), "{failure}");
    }
}

#[tokio::test]
async fn what_is_not_installed_is_named() {
    let mut place = place("nothing");
    place.context.environment.insert("PATH".into(), "/nowhere".into());
    place.context.environment.insert("CARGO_HOME".into(), "/nowhere".into());
    for runner in [NEXTEST, CARGO_TEST] {
        let failure = place.build(&runner).await.expect_err("there is no cargo");
        assert_eq!((failure.fault, failure.reason.code), (Fault::Infrastructure, ReasonCode::RunnerMissing));
        assert!(failure.reason.message.contains("install"), "{failure}");
    }
}

#[tokio::test]
async fn tests_that_are_not_there_are_never_a_pass() {
    let place = place("nextest-gone");
    place.build(&NEXTEST).await.expect("it builds");
    let gone = place.run(&NEXTEST, &names(&["tiny tests::gone"])).await.end.expect_err("nothing was run");
    assert_eq!(gone.reason.code, ReasonCode::ResultsMissing);
    let asked = names(&["tiny tests::adds", "tiny tests::gone"]);
    assert_eq!(place.run(&NEXTEST, &asked).await.outcomes(&asked)["tiny tests::gone"], Errored);
}

/// A crate of its own whose build stays in one place, so that each is compiled once a machine.
fn place(target: &str) -> Place {
    let mut place = Place::new();
    place.write("Cargo.toml", MANIFEST);
    place.write("src/lib.rs", LIBRARY);
    place.write("src/main.rs", "fn main() {}\n#[test]\nfn in_main() {}\n");
    place.write("tests/it.rs", INTEGRATION);
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("runner-crates").join(target);
    place.context.environment.insert("CARGO_TARGET_DIR".into(), target.into());
    place.context.environment.insert("CARGO_NET_OFFLINE".into(), "true".into());
    place
}

fn assert_unit_tests(outcome: impl Fn(&str) -> Option<TryOutcome>) {
    for (name, expected) in UNIT_TESTS {
        let found = outcome(name);
        assert!(found == Some(*expected) || (found.is_none() && *expected == Skipped), "{name}: {found:?}");
    }
}

fn assert_failure(message: &str) {
    assert!(message.starts_with("assertion `left == right` failed: odd [x] é"), "{message}");
    assert!(message.contains("src/lib.rs:"), "{message}");
}

const UNIT_TESTS: &[(&str, TryOutcome)] = &[
    ("adds", Passed),
    ("directory", Passed),
    ("err", Failed),
    ("fails", Failed),
    ("ignored", Skipped),
    ("panics", Passed),
    ("panics_not", Failed),
];
const MANIFEST: &str = "[package]\nname = \"tiny\"\nversion = \"0.1.2\"\nedition = \"2024\"\n[workspace]\n";
const VARIABLES: &str = r#"
#[test]
fn variables() {
    for name in ["FROM_CONFIG", "FROM_SCRIPT", "OUT_DIR", "CARGO"] {
        assert!(std::env::var_os(name).is_some(), "{name} is not set");
    }
}
"#;
const LIBRARY: &str = r#"//! A crate to be tested.
/// Adds.
/// ```
/// assert_eq!(tiny::add(1, 2), 3);
/// ```
/// ```should_panic
/// panic!()
/// ```
/// ```ignore
/// nope
/// ```
pub fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        println!("output");
        assert_eq!(super::add(1, 2), 3);
    }

    #[test]
    fn directory() {
        assert!(std::path::Path::new("Cargo.toml").exists());
        assert_eq!(std::env::var("CARGO_PKG_VERSION_PATCH").unwrap(), "2");
        assert!(std::env::current_dir().unwrap().ends_with(std::env::var("CARGO_MANIFEST_DIR").unwrap()));
    }

    #[test]
    fn err() -> Result<(), String> {
        Err("bad".into())
    }

    #[test]
    fn fails() {
        println!("before");
        assert_eq!(1, 2, "odd [x] é");
    }

    #[test]
    #[ignore = "because"]
    fn ignored() {}

    #[test]
    #[should_panic]
    fn panics() {
        panic!("x")
    }

    #[test]
    #[should_panic]
    fn panics_not() {}
}
"#;
const INTEGRATION: &str = r#"
#[test]
fn aborts() {
    std::process::abort();
}

#[test]
fn exits() {
    if std::env::var_os("NEXTEST").is_none() {
        std::process::exit(0);
    }
}

#[test]
fn fine() {}

#[test]
fn prints() {
    let _ = std::process::Command::new("sh").arg("-c").arg("echo ok; echo; echo 'test fine ... FAILED'; printf ok").status();
}
"#;
