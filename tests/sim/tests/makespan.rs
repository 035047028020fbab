//! The dealing of tests stays close to the best that is possible: a small part of `cargo xtask makespan`.

use muster_sim::makespan::{Conditions, Fleet, Job, Race, Rival, Suite, bound_us, fleet, makespan_us, race, slots};

const SEEDS: u64 = 3;

/// Median makespan over the bound, and the most extra work in hundredths, of ours and of one other way.
fn measured(tests: usize, count: usize, conditions: Conditions, rival: Rival) -> (f64, f64, f64) {
    let mut draws: Vec<(f64, f64, f64)> = (0..SEEDS)
        .map(|seed| {
            let suite = Suite::drawn(seed, tests, 30.0);
            let span_us = bound_us(&suite, &slots(seed, count, Conditions::Clean, 0));
            let slots = slots(seed, count, conditions, span_us);
            let bound_us = bound_us(&suite, &slots) as f64;
            let result = race(&Race {
                jobs: &[Job { suite: &suite, submitted_us: 0 }],
                slots: &slots,
                start_cost_us: 50_000,
                round_trip_us: 20_000,
                is_listed_before: true,
            });
            let extra = 100.0 * result.extra_us as f64 / suite.total_us() as f64;
            let other = makespan_us(rival, &suite, &slots, 50_000) as f64;
            (result.times_us[0] as f64 / bound_us, other / bound_us, extra)
        })
        .collect();
    draws.sort_by(|left, right| left.0.total_cmp(&right.0));
    let extra = draws.iter().map(|draw| draw.2).fold(0.0, f64::max);
    (draws[draws.len() / 2].0, draws[draws.len() / 2].1, extra)
}

#[test]
fn a_clean_run_ends_within_a_twentieth_of_the_bound() {
    for (tests, count) in [(1_000, 10), (3_000, 50)] {
        let (ours, theirs, extra) = measured(tests, count, Conditions::Clean, Rival::StaticByTestTiming);
        assert!(ours <= 1.05 && ours <= theirs, "{tests} tests on {count} slots: {ours:.3}, packed {theirs:.3}");
        assert!(extra <= 1.0, "{tests} tests on {count} slots: {extra:.2} % extra work");
    }
}

#[test]
fn late_and_slow_agents_cost_a_tenth_at_most() {
    let (ours, theirs, _) = measured(4_000, 50, Conditions::Late, Rival::StaticByTestTiming);
    assert!(ours <= 1.10 && ours <= theirs, "{ours:.3}, packed {theirs:.3}");
}

#[test]
fn agents_that_die_or_freeze_cost_three_twentieths_at_most() {
    let (ours, theirs, extra) = measured(4_000, 50, Conditions::Faulty, Rival::DynamicByFile);
    assert!(ours <= 1.15 && ours <= theirs, "{ours:.3}, by file {theirs:.3}");
    assert!(extra <= 1.0, "{extra:.2} % extra work");
}

#[test]
fn one_seed_gives_one_course() {
    let suite = Suite::drawn(1, 500, 30.0);
    let slots = slots(1, 20, Conditions::Faulty, 20_000_000);
    let run = || {
        race(&Race {
            jobs: &[Job { suite: &suite, submitted_us: 0 }],
            slots: &slots,
            start_cost_us: 50_000,
            round_trip_us: 20_000,
            is_listed_before: true,
        })
    };
    assert_eq!(run(), run());
}

/// Every rule of dealing shows in one of these numbers: which test comes next, how large a batch is, who gets a long test,
/// when one is copied. Whoever changes a rule sees here what it does, and accepts it with `cargo insta`.
#[test]
fn dealing_comes_to_what_stands_in_its_snapshot() {
    let mut told = String::new();
    for conditions in [Conditions::Clean, Conditions::Late, Conditions::Faulty] {
        for (tests, count, longest_s, start_cost_us) in
            [(200, 4, 30.0, 50_000), (300, 40, 30.0, 50_000), (400, 150, 90.0, 2_000_000), (1_500, 60, 60.0, 300_000)]
        {
            for seed in [1, 2] {
                let suite = Suite::drawn(seed, tests, longest_s);
                let span_us = bound_us(&suite, &slots(seed, count, Conditions::Clean, 0));
                let slots = slots(seed, count, conditions, span_us);
                let result = race(&Race {
                    jobs: &[Job { suite: &suite, submitted_us: 0 }],
                    slots: &slots,
                    start_cost_us,
                    round_trip_us: 20_000,
                    is_listed_before: true,
                });
                told.push_str(&format!(
                    "{}, {tests} tests on {count} slots, {} ms to start, seed {seed}: {:.3} of the bound; ended after {} us, extra \
                     {} us, idle {} us, {} steps\n",
                    conditions.name(),
                    start_cost_us / 1_000,
                    result.times_us[0] as f64 / bound_us(&suite, &slots) as f64,
                    result.times_us[0],
                    result.extra_us,
                    result.idle_us,
                    result.steps
                ));
            }
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_slow_agent_gets_no_test_that_decides_when_all_end() {
    let (ours, theirs, extra) = measured(4_000, 200, Conditions::Late, Rival::DynamicByFile);
    assert!(ours <= 1.10 && ours <= theirs, "{ours:.3}, by file {theirs:.3}");
    assert!(extra <= 1.0, "{extra:.2} % extra work");
}

#[test]
fn slots_do_not_idle_in_one_run_while_tests_of_another_wait() {
    let suites: Vec<Suite> = (0..2).map(|seed| Suite::drawn(seed, 2_000, 200.0)).collect();
    let result = fleet(&Fleet {
        suites: &suites,
        runs: 8,
        span_us: 240_000_000,
        slots: 200,
        start_cost_us: 50_000,
        round_trip_us: 20_000,
        seed: 7,
    });
    let idle = 100.0 * result.together.idle_us as f64 / result.together.wanted_us as f64;
    assert!(idle <= 3.0, "{idle:.2} % of slots idle while work waits");
}
