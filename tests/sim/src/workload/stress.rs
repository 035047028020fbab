//! Runs whose new tests are run several times. Drawn from numbers of their own, when all else is, so that a seed without
//! them is as it was.

use muster_common::spec::StressSpec;

use super::dice::Dice;
use crate::plan::RunPlan;

/// Has some runs of a seed repeat their new tests, and some whose names begin in a certain way.
pub(super) fn draw(seed: u64, runs: &mut [RunPlan]) {
    let mut dice = Dice::new(seed ^ STREAM);
    if dice.percent(80) {
        return;
    }
    for run in runs {
        let names: Vec<&String> = run.tests().map(|test| &test.name).collect();
        if names.is_empty() || dice.percent(30) {
            continue;
        }
        let mut changed = Vec::new();
        if dice.percent(60) {
            let name = dice.one_of(&names);
            let bytes = name.floor_char_boundary(dice.between(1..=name.len()));
            changed.extend((bytes > 0).then(|| name[..bytes].to_owned()));
        }
        changed.retain(|name| name.len() <= muster_common::limits::TEST_NAME_BYTES_MAX);
        run.spec.stress = Some(StressSpec { times: dice.between(2..=4), changed });
    }
}

/// Sets these numbers apart from all others of the seed.
const STREAM: u64 = 0x0005_72e5;
