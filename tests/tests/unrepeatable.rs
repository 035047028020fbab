//! Work that is not safe to repeat: it is begun once, it stops before its lease ends, and an end that it has reached counts.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_tests::fleet::Fleet;
use muster_tests::process::{HANG, Process};
use muster_tests::suite::{LedgerSuite, Ran};
use nix::sys::signal::Signal;

#[test]
fn a_deploy_whose_agent_dies_is_unknown_and_is_not_begun_again() {
    let fleet = Fleet::start_with(&["--lease-unrepeatable-ms", "8000"]);
    let mut agents = ["agent-1", "agent-2"].map(|name| (name, fleet.agent(name)));
    let deploy = deploy();
    let run = Process::start("muster run", &mut fleet.muster(&["run", &deploy.path()]));
    wait_for("its begin", || !deploy.ran().is_empty());
    let holder = holder(&fleet);
    agents.iter_mut().find(|(name, _)| *name == holder).expect("it is one of them").1.kill_9();

    let ended = run.wait();
    assert_eq!(ended.code(), 75, "{ended}");
    assert!(ended.stdout.contains("not safe to repeat"), "{ended}");
    assert_eq!(deploy.ran()["deploy"], Ran { began: 1, ended: 0 });
}

#[test]
fn a_deploy_on_a_frozen_agent_stops_before_others_may_think_it_over() {
    let fleet = Fleet::start_with(&["--lease-unrepeatable-ms", "8000"]);
    let agent = fleet.agent("agent-1");
    let deploy = deploy();
    let run = Process::start("muster run", &mut fleet.muster(&["run", &deploy.path()]));
    wait_for("its begin", || !deploy.ran().is_empty());
    agent.signal(Signal::SIGSTOP);

    let ended = run.wait();
    assert_eq!(ended.code(), 75, "{ended}");
    let pulse = || fs::read_to_string(deploy.directory().with_file_name("pulse")).expect("the deploy has a pulse");
    let at_the_end = pulse();
    std::thread::sleep(PULSE * 5);
    assert_eq!(pulse(), at_the_end, "it goes on although its run has ended");
    agent.signal(Signal::SIGCONT);
}

#[test]
fn a_deploy_that_has_ended_unheard_has_passed_although_its_agent_died_then() {
    let mut fleet = Fleet::start();
    let mut agent = fleet.agent("agent-1");
    let deploy = deploy();
    let run = Process::start("muster run", &mut fleet.muster(&["run", &deploy.path()]));
    wait_for("its log", || fleet.run(&["logs", "1"]).stdout.contains("step"));
    wait_for("its begin", || !deploy.ran().is_empty());
    fleet.kill_coordinator();
    fs::write(deploy.directory().with_file_name("enough"), "").expect("the suite's home can be written");
    let spool = fleet.home().join("agent-1").join("spool");
    wait_for("its end in the spool", || holds(&spool, "deployed"));
    agent.kill_9();
    let _next_life = fleet.agent("agent-1");
    fleet.start_coordinator();

    let ended = run.wait();
    assert_eq!(ended.code(), 0, "{ended}");
    assert_eq!(deploy.ran()["deploy"], Ran { began: 1, ended: 1 });
}

/// A job that is not safe to repeat and goes on until there is a file `enough` beside its ledger. Its pulse are lines in
/// another.
fn deploy() -> LedgerSuite {
    let suite = LedgerSuite::new(0, "0", "");
    let ledger = suite.ledger().display().to_string();
    let pulse = suite.directory().with_file_name("pulse").display().to_string();
    let enough = suite.directory().with_file_name("enough").display().to_string();
    let seconds = PULSE.as_secs_f64();
    suite.write(
        "muster.yml",
        &format!(
            "name: deploy
jobs:
  deploy:
    repeatable: false
    outputs:
      state: ${{{{ steps.deploy.outputs.state }}}}
    steps:
      - id: deploy
        run: |
          echo 'begin deploy 1 0' >> '{ledger}'
          while ! [ -e '{enough}' ]; do echo it lives >> '{pulse}'; sleep {seconds}; done
          echo 'end deploy 1 0' >> '{ledger}'
          echo state=deployed >> $MUSTER_OUTPUT
"
        ),
    );
    suite
}

/// The name of the agent that is at work.
fn holder(fleet: &Fleet) -> String {
    let agents = fleet.run(&["agents", "--json"]);
    let agents: serde_json::Value = serde_json::from_str(&agents.stdout).expect("it is JSON");
    let busy = agents.as_array().into_iter().flatten().find(|agent| agent["busy_slots"] == 1);
    busy.and_then(|agent| agent["name"].as_str()).expect("one of them is at work").to_owned()
}

/// Whether a file of a folder holds this text.
fn holds(folder: &Path, text: &str) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut contents = files.filter_map(|file| fs::read(file.path()).ok());
    contents.any(|found| found.windows(text.len()).any(|window| window == text.as_bytes()))
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < HANG, "no sign of {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const PULSE: Duration = Duration::from_millis(200);
