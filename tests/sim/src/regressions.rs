//! Seeds that once failed, each with its story. They are run with every test run, and stay for good.
//!
//! A seed finds again what it found only as long as plans and faults are drawn as they were; what a story found has
//! besides a test of its own where it was mended.

/// A seed that once failed.
#[derive(Clone, Copy, Debug)]
pub struct Regression {
    /// The seed.
    pub seed: u64,
    /// What it found, and what was done.
    pub story: &'static str,
}

/// All of them.
pub const REGRESSIONS: &[Regression] = &[
    Regression {
        seed: 14,
        story: "Commits were slow while heartbeats were stepped; the stall was added to moments that lay within it, so \
                agents counted as heard in the future, and the deadline that watches them was armed too late. \
                Scenario: stall_is_no_credit.",
    },
    Regression {
        seed: 1531,
        story: "A coordinator died when its snapshot for a watcher had left and the answer had not: the watcher of \
                the simulation came again twice, and heard the end twice. A mistake of the simulation: a watcher \
                does one thing at a time.",
    },
    Regression { seed: 1896, story: "A job was passed over 31 times, as in 30402." },
    Regression {
        seed: 2254,
        story: "A second attempt to list a suite listed one test, of which none can be there twice; the model did \
                not allow its verdict. A mistake of the model.",
    },
    Regression {
        seed: 3991,
        story: "A job ran longer than its limit, its shard was told to stop, and the coordinator was replaced before \
                it heard the shard's end; the next life called it a shard without results, and the job errored. \
                Scenario: shard_timed_out_by_an_earlier_life.",
    },
    Regression {
        seed: 6844,
        story: "On a fleet with one free slot a run of 31 jobs came before one job of a younger run of another project. \
                That is the order that is promised: neither held anything. The check asked for more, and says now what it \
                asks for.",
    },
    Regression { seed: 10_324, story: "A younger run waited for an older one of another project, as in 6844." },
    Regression { seed: 10_501, story: "A younger run waited for an older one of another project, as in 6844." },
    Regression {
        seed: 10_565,
        story: "A failed test was run again and its agent lost; then the suite was found broken, and the test had its \
                verdict. The lost agent's late result of the second try gave it another. \
                Scenario: late_retry_of_a_broken_suite.",
    },
    Regression { seed: 11_064, story: "A younger run waited for an older one of another project, as in 6844." },
    Regression {
        seed: 11_307,
        story: "A coordinator told a shard that nothing more comes, and was replaced before it heard the shard's end; the \
                next life took the empty end for a failure, and the job ended errored. \
                Scenario: dismissed_by_an_earlier_life.",
    },
    Regression { seed: 11_773, story: "A younger run waited for an older one of another project, as in 6844." },
    Regression { seed: 30_332, story: "Tests were reported of a list that should have had one twice, as in 2254." },
    Regression {
        seed: 30_402,
        story: "A job that held nothing was passed over 31 times for further shards of a suite of its own project, \
                because the two asked for different agents: classes were not compared by what their first jobs hold. \
                Scenario: first_slot_before_second_across_classes.",
    },
    Regression { seed: 100_214, story: "A listing was passed over for shards of another suite, as in 30402." },
    Regression {
        seed: 509_473,
        story: "An Open on a stream that the agent had given up came after its next one, and claimed nothing: leases of \
                work that ran were taken for lost. Scenario: open_of_a_stream_given_up.",
    },
    Regression {
        seed: 517_295,
        story: "A suite had lost tests, which come first. Whenever one of its shards asked, it was ended for a job that \
                held nothing, the slot went back to the suite for its lost tests, and neither got any further. \
                Scenario: lost_tests_keep_the_slot.",
    },
    Regression {
        seed: 800_730,
        story: "All tests of a job waited for places in a group that silent agents held, and the job went on being said to \
                wait for an agent. Scenario: group_of_a_silent_fleet.",
    },
    Regression {
        seed: 1_024_878,
        story: "A job was being stopped for its time limit when its last tests passed, and the coordinator was killed; the \
                invariants were looked at after the restore and before the first step, which ends such a job. A mistake \
                of the check.",
    },
    Regression {
        seed: 1_030_407,
        story: "An Open waited in a coordinator that stood still. Ten seconds later that one took over, and believed it \
                before any other: what it did not claim was lost, though it ran, and one job was not safe to repeat. \
                Scenario: open_from_before_a_takeover.",
    },
    Regression {
        seed: 1_300_119,
        story: "The agents of a listing were lost three times, and its job ended; so did the shards that had begun meanwhile, \
                whose agents had been heard a moment before. The check called them taken away before their time. A mistake \
                of the check.",
    },
    Regression {
        seed: 1_302_339,
        story: "A job ran longer than its limit, its listing had ended, and a shard that had begun meanwhile was still to say so: \
                the job counted as queued for an agent, and for the check as passed over.",
    },
    Regression {
        seed: 1_306_709,
        story: "A job was told to end at its time limit while its only shard, which had no list, was on an agent that had not \
                come back: nobody heard that, and the check took the job for one that waits. A mistake of the check.",
    },
    Regression {
        seed: 1_795_428_776_845,
        story: "The only agent with what a job asks for had been found sick, and the job would have waited for six hours \
                beside it. A fence behind which work waits that nobody else can do is lifted.",
    },
];
