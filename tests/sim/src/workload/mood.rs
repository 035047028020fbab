//! Which kinds of trouble a seed has, and how much of each.

use super::dice::Dice;

/// How often things are so, in a thousand; 0 where this seed has none of it.
#[derive(Clone, Debug)]
pub(super) struct Mood {
    /// Most runs.
    pub(super) runs_max: usize,
    /// Most tests of one suite.
    pub(super) tests_max: usize,
    /// Tests that always fail.
    pub(super) failing: u32,
    /// Tests that fail sometimes.
    pub(super) flaky: u32,
    /// Tests that fail on some agents.
    pub(super) picky: u32,
    /// Tests that are skipped.
    pub(super) skipped: u32,
    /// Tests that bring their agent down.
    pub(super) killing: u32,
    /// Tests that bring their runner down.
    pub(super) crashing: u32,
    /// Tests that never end.
    pub(super) hanging: u32,
    /// Tests that a runner passes over in silence.
    pub(super) silent: u32,
    /// Tests that write much.
    pub(super) loud: u32,
    /// Tests that take long.
    pub(super) slow: u32,
    /// Work and shards that do not do what they should.
    pub(super) work_trouble: u32,
    /// Agents that cannot do some work.
    pub(super) sickness: u32,
    /// Discoveries that lie.
    pub(super) bad_lists: u32,
    /// Jobs with requirements.
    pub(super) requirements: u32,
    /// Of those, requirements that nobody meets.
    pub(super) unmet: u32,
    /// Jobs with a time limit that they may well exceed.
    pub(super) tight: u32,
    /// Jobs with a condition.
    pub(super) conditions: u32,
    /// Jobs that are not safe to repeat.
    pub(super) unrepeatable: u32,
    /// Runs that are cancelled.
    pub(super) cancels: u32,
    /// Requests that are sent again.
    pub(super) duplicates: u32,
    /// Agents that come late or go early.
    pub(super) turnover: u32,
    /// Agents whose clock drifts.
    pub(super) drift: u32,
}

impl Mood {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let mut level = |share: u32, most: u32| {
            if dice.percent(share) { u32::try_from(dice.skewed(most as usize)).unwrap_or(most) } else { 0 }
        };
        let mut mood = Self {
            runs_max: 0,
            tests_max: 0,
            failing: level(60, 300),
            flaky: level(70, 400),
            picky: level(20, 200),
            skipped: level(30, 200),
            killing: level(35, 120),
            crashing: level(25, 120),
            hanging: level(20, 60),
            silent: level(20, 100),
            loud: level(20, 300),
            slow: level(50, 100),
            work_trouble: level(60, 500),
            sickness: level(25, 400),
            bad_lists: level(15, 500),
            requirements: level(50, 800),
            unmet: level(15, 400),
            tight: level(25, 500),
            conditions: level(50, 700),
            unrepeatable: level(40, 700),
            cancels: level(40, 700),
            duplicates: level(50, 900),
            turnover: level(50, 700),
            drift: level(40, 900),
        };
        mood.runs_max = dice.one_of(&[1, 3, 6, 12]);
        mood.tests_max = match dice.between(0..=999) {
            0..3 => 10_000,
            3..30 => 2_500,
            30..200 => 300,
            200..600 => 60,
            _ => 20,
        };
        mood
    }
}
