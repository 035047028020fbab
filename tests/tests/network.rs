//! What a network may do to connections.

use muster_tests::fleet::Fleet;
use muster_tests::network::Network;
use muster_tests::process::Process;
use muster_tests::suite::LedgerSuite;

#[test]
fn connections_that_fall_silent_cost_neither_the_run_nor_a_line_of_its_log() {
    let fleet = Fleet::start();
    let network = Network::to(fleet.address());
    let agent = fleet.agent_through(&network, "agent-1");
    let suite = LedgerSuite::new(0, "0", "");
    // It goes on until it is told that its connections are forgotten.
    let (begun, forgotten) = (fleet.home().join("begun"), fleet.home().join("forgotten"));
    let script = format!(
        "touch '{}'; while ! [ -e '{}' ]; do sleep 0.05; done; for i in $(seq {LINES}); do echo line $i; done",
        begun.display(),
        forgotten.display()
    );
    // Not repeatable: its lease is longer than the silence.
    suite.write(
        "muster.yml",
        &format!("jobs:\n  speak:\n    repeatable: false\n    steps:\n      - run: \"{script}\"\n"),
    );
    let run = Process::start("muster run", &mut fleet.muster(&["run", &suite.path()]));
    while !begun.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    network.forget_connections();
    std::fs::write(&forgotten, "").expect("the fleet's folder can be written");

    let ended = run.wait();
    assert_eq!(ended.code(), 0, "{ended}\n{}", agent.said());
    let log = fleet.run(&["logs", "1"]);
    let lines = log.stdout.lines().filter(|line| line.starts_with("line ")).count();
    assert_eq!(lines, LINES, "{log}");
}

const LINES: usize = 50;
