//! Whether a test fails at its first try more often than it used to, although its retries pass.
//!
//! A cumulative sum (Page's test): every run adds the logarithm of how much likelier it is under a raised rate than
//! under the usual one, and the sum never falls below zero. A sum above [`ALARM`] is an alarm. One flake in a quiet test is
//! none; a rate that has become several times what it was is found within a few of its failures.

/// What a sum is measured against: how often the test was flaky before its last runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usual {
    /// Flakes before.
    pub(crate) flakes: u32,
    /// Runs before.
    pub(crate) runs: u32,
}

/// The sum after one more run, in thousandths; none: it is so high that the rate has shifted.
pub(crate) fn after(sum: u32, usual: Usual, is_flake: bool) -> Option<u32> {
    let Some(Step { up, down, .. }) = step(usual) else { return Some(0) };
    let sum = if is_flake { sum.saturating_add(up) } else { sum.saturating_sub(down) };
    (sum < ALARM).then_some(sum)
}

/// What a flake and a pass say against one usual rate.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The rate, in thousandths.
    rate: u32,
    up: u32,
    down: u32,
}

fn step(usual: Usual) -> Option<Step> {
    if usual.runs < RUNS_MIN {
        return None;
    }
    // A rate of which little is known is taken for a little higher than it was seen.
    let rate = u64::from(2 * usual.flakes + 1) * 500 / u64::from(usual.runs);
    STEPS.iter().find(|step| rate <= u64::from(step.rate)).copied()
}

/// For each usual rate: ln(r'/r) and -ln((1-r')/(1-r)) in thousandths, where r' is thrice the rate and a tenth: the rise that matters.
/// Above the last there is nothing left to warn of.
const STEPS: &[Step] = &[
    Step { rate: 10, up: 2_565, down: 129 },
    Step { rate: 20, up: 2_079, down: 154 },
    Step { rate: 30, up: 1_846, down: 180 },
    Step { rate: 50, up: 1_609, down: 236 },
    Step { rate: 70, up: 1_488, down: 298 },
    Step { rate: 100, up: 1_386, down: 405 },
    Step { rate: 150, up: 1_299, down: 636 },
    Step { rate: 200, up: 1_253, down: 981 },
    Step { rate: 300, up: 916, down: 1_030 },
];
/// A sum, in thousandths, that chance hardly brings about.
const ALARM: u32 = 2_900;
/// With fewer runs before, nothing is usual.
const RUNS_MIN: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_flakes_is_an_alarm_and_a_single_one_is_not() {
        let usual = Usual { flakes: 5, runs: 100 };
        let mut sum = after(0, usual, true).expect("one is no alarm");
        for _ in 0..10 {
            sum = after(sum, usual, false).expect("a pass is no alarm");
        }
        assert_eq!(sum, 0);
        let two = after(0, usual, true).and_then(|sum| after(sum, usual, false)).expect("a pass between is none");
        assert!(after(two, usual, true).and_then(|sum| after(sum, usual, true)).is_none(), "three of four are");
    }

    #[test]
    fn an_alarm_is_a_sum_that_reaches_it() {
        let usual = Usual { flakes: 6, runs: 100 };
        let up = after(0, usual, true).expect("one is no alarm");
        assert_eq!(after(ALARM - up, usual, true), None);
        assert_eq!(after(ALARM - up - 1, usual, true), Some(ALARM - 1));
    }

    #[test]
    fn a_rate_is_taken_from_thirty_runs_on_and_for_a_little_higher_than_it_was_seen() {
        assert_eq!(after(0, Usual { flakes: 0, runs: 30 }, true), Some(2_079), "a half in thirty, not none");
        assert_eq!(after(0, Usual { flakes: 0, runs: 100 }, true), Some(2_565));
    }

    #[test]
    fn nothing_is_usual_of_a_new_test_or_of_one_that_fails_every_other_time() {
        assert_eq!(after(0, Usual { flakes: 0, runs: 29 }, true), Some(0));
        assert_eq!(after(0, Usual { flakes: 40, runs: 100 }, true), Some(0));
    }
}
