//! Agents are set up while the tests are listed.

use muster_sim::listing::{Begun, Listing};

#[test]
fn tests_begin_when_the_list_is_sealed_and_not_a_setup_later() {
    let late = Listing { agents: 4, tests: 400, setup_us: 20_000_000, list_us: 15_000_000, early_shards: false };
    assert_eq!(late.run(), Begun { first_us: 55_000_000, all_us: 55_000_000 });
    let early = Listing { early_shards: true, ..late };
    assert_eq!(
        early.run(),
        Begun { first_us: 35_000_000, all_us: 55_000_000 },
        "the agent that listed the tests is set up again for its shard"
    );
}

#[test]
fn a_listing_that_is_short_hides_a_part_of_the_setup() {
    let late = Listing { agents: 4, tests: 400, setup_us: 20_000_000, list_us: 0, early_shards: false };
    let early = Listing { early_shards: true, ..late };
    assert_eq!((late.run().first_us, early.run().first_us), (40_000_000, 20_000_000));
}
