//! A small form of the injected experiment of `cargo xtask flakiness`, always with the same draws.

use muster_sim::flakiness::{Setting, ShiftSetting, classify, shift};

#[test]
fn injected_causes_are_told_apart() {
    let setting = Setting { seed: 1, runs: 400, tests: 200, agents: 20, flaky: 10, sick: 3, outages: 1 };
    let found = classify(setting);
    assert_eq!((found.healthy_quarantined, found.broken_quarantined, found.false_green), (0, 0, 0), "{found:?}");
    assert!(found.flaky.precision() >= 95.0 && found.flaky.recall() >= 70.0, "{found:?}");
    assert!(found.agents.precision() >= 95.0 && found.agents.recall() >= 90.0, "{found:?}");
    assert!(found.outages.precision() >= 95.0 && found.outages.recall() >= 90.0, "{found:?}");
    assert_eq!(found, classify(setting), "the same draws give the same figures");
}

#[test]
fn a_rate_that_rises_behind_passing_retries_is_said() {
    let found = shift(ShiftSetting { seed: 1, suites: 4, before: 200, after: 20, tests: 10 });
    assert!(found.found_within(20) >= 80.0, "{found:?}");
    assert!(found.false_alarms_per_thousand() <= 4.0, "{found:?}");
}
