//! Every promise under every fault, with real processes on hosts of their own: each fault once, for as long as it takes to
//! show. `cargo xtask cluster` does the same again and again, and for longer.

use muster_tests::cluster::fault::{ALL, Setting};

/// Does a fault and expects every promise to hold.
fn holds_under(name: &str) {
    let fault = ALL.iter().find(|fault| fault.name == name).expect("the fault is in the list");
    let round = (fault.run)(Setting { seed: 1, is_long: false });
    let broken: Vec<String> = round.violations.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{}:\n{}", fault.what, broken.join("\n"));
    println!("{}: {round:?}", fault.what);
}

macro_rules! faults {
    ($($test:ident $name:literal)*) => {
        $(#[test] fn $test() { holds_under($name); })*

        #[test]
        fn every_fault_has_its_test() {
            let tested = [$($name),*];
            let all: Vec<_> = ALL.iter().map(|fault| fault.name).collect();
            assert_eq!(all, tested);
        }
    };
}

faults! {
    kill_9_of_an_agent "agent-kill"
    a_frozen_agent "agent-freeze"
    an_agent_that_nobody_hears "partition-out"
    an_agent_that_hears_nobody "partition-in"
    an_agent_that_is_cut_off "partition-both"
    an_agent_that_is_cut_off_for_moments "flapping"
    a_far_and_lossy_network "latency"
    a_slow_line_with_a_flood_of_logs "slow-link"
    connections_that_break_in_the_middle_of_a_frame "frame-cut"
    a_coordinator_that_is_killed_again_and_again "coordinator-kill"
    a_coordinator_that_stands_still "coordinator-pause"
    an_end_of_which_nobody_has_heard "unheard-end"
    an_end_of_which_nobody_will_hear "spool-gone"
    a_time_of_day_that_steps "clock-step"
    a_full_disk_of_an_agent "full-disk"
    agents_and_links_that_stop_one_by_one "swizzle"
}
