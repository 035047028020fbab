//! Death in the middle of a run: of the coordinator, of an agent. Real processes, `kill -9`, and a ledger of what the tests
//! themselves saw.

use std::time::{Duration, Instant};

use muster_tests::fleet::Fleet;
use muster_tests::junit::{self, Verdict};
use muster_tests::process::{HANG, Process};
use muster_tests::suite::LedgerSuite;

const TESTS: u32 = 40;

#[test]
fn a_coordinator_killed_in_mid_run_repeats_nothing_and_the_run_ends_right() {
    let mut fleet = Fleet::start();
    let _agents = [fleet.agent("agent-1"), fleet.agent("agent-2")];
    let suite = LedgerSuite::new(TESTS, "0.15", "");
    let junit = fleet.home().join("junit.xml");
    let run = start_run(&fleet, &suite, &junit);

    for share in [4, 2] {
        wait_until_begun(&suite, (TESTS / share) as usize);
        fleet.kill_coordinator();
        fleet.start_coordinator();
    }

    let ended = run.wait();
    assert_eq!(ended.code(), 0, "{ended}");
    let ran = suite.ran();
    assert_eq!(ran.len(), TESTS as usize);
    let repeated: Vec<_> = ran.iter().filter(|(_, ran)| ran.began != 1 || ran.ended != 1).collect();
    assert!(repeated.is_empty(), "no agent died, so every test runs exactly once: {repeated:?}\n{ended}");
    assert_all(&junit, Verdict::Passed);
}

#[test]
fn a_killed_agents_unfinished_tests_run_elsewhere_and_its_finished_ones_do_not() {
    let fleet = Fleet::start();
    let mut victim = fleet.agent("victim");
    let _survivor = fleet.agent("survivor");
    let suite = LedgerSuite::new(TESTS, "0.15", "");
    let junit = fleet.home().join("junit.xml");
    let run = start_run(&fleet, &suite, &junit);

    wait_until_begun(&suite, TESTS as usize / 2);
    let finished_before = finished_tests(&fleet);
    victim.kill_9();

    let ended = run.wait();
    assert_eq!(ended.code(), 0, "a lost agent is not a failed test: {ended}");
    let ran = suite.ran();
    assert_eq!(ran.len(), TESTS as usize);
    for (name, ran) in &ran {
        assert!(ran.ended >= 1, "{name} never ended: {ran:?}");
        if finished_before.contains(name) {
            assert_eq!(ran.began, 1, "{name} had its verdict before the agent died, and ran again");
        }
    }
    assert_all(&junit, Verdict::Passed);
}

#[test]
fn a_frozen_agents_work_goes_elsewhere_and_its_late_word_changes_nothing() {
    let fleet = Fleet::start();
    let frozen = fleet.agent("frozen");
    let _survivor = fleet.agent("survivor");
    let suite = LedgerSuite::new(TESTS, "0.15", "");
    let junit = fleet.home().join("junit.xml");
    let run = start_run(&fleet, &suite, &junit);

    wait_until_begun(&suite, TESTS as usize / 4);
    frozen.signal(nix::sys::signal::Signal::SIGSTOP);
    let ended = run.wait();
    frozen.signal(nix::sys::signal::Signal::SIGCONT);

    assert_eq!(ended.code(), 0, "{ended}");
    assert_all(&junit, Verdict::Passed);
    let after = fleet.run(&["runs", "--json"]);
    assert_eq!(after.code(), 0, "{after}");
    assert!(after.stdout.contains("passed"), "{after}");
}

fn start_run(fleet: &Fleet, suite: &LedgerSuite, junit: &std::path::Path) -> Process {
    let mut command = fleet.muster(&["run", &suite.path(), "--junit"]);
    command.arg(junit);
    Process::start("muster run", &mut command)
}

fn wait_until_begun(suite: &LedgerSuite, count: usize) {
    let begun = Instant::now();
    while suite.ran().len() < count {
        assert!(begun.elapsed() < HANG, "only {:?} began", suite.ran());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Tests of run 1 whose verdict the coordinator has given out, and so has made durable.
fn finished_tests(fleet: &Fleet) -> Vec<String> {
    use muster_proto::v1::{ListRunTestsRequest, TestVerdict, test_service_client::TestServiceClient};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let mut client = TestServiceClient::connect(fleet.url()).await.expect("the coordinator serves");
        let request = ListRunTestsRequest { run: 1, page_size: 10_000, page_token: String::new() };
        let tests = client.list_run_tests(request).await.expect("run 1 is open").into_inner().tests;
        let finished = tests.into_iter().filter(|test| test.verdict() != TestVerdict::Unspecified);
        finished.map(|test| test.name).collect()
    })
}

fn assert_all(junit: &std::path::Path, expected: Verdict) {
    let verdicts = junit::read(junit).expect("the run wrote JUnit XML");
    assert_eq!(verdicts.len(), TESTS as usize);
    for (name, found) in verdicts {
        assert_eq!(found, [(expected, 1)].into(), "{name}");
    }
}
