//! Persons who put tests into quarantine, take them out again, and say that agents are well. Drawn from numbers of their
//! own, when all else is, so that a seed without them is as it was.

use std::time::Duration;

use super::dice::Dice;
use crate::plan::{Deed, DeedPlan, RunPlan};

/// Adds to what is done in some seeds.
pub(super) fn draw(seed: u64, runs: &[RunPlan], agents: usize, window: Duration, deeds: &mut Vec<DeedPlan>) {
    let mut dice = Dice::new(seed ^ STREAM);
    if dice.percent(80) {
        return;
    }
    for (run, plan) in runs.iter().enumerate() {
        let tests = plan.tests().count();
        if tests == 0 {
            continue;
        }
        for _ in 0..dice.skewed(6) {
            let test = dice.between(0..=tests - 1);
            let at = plan.at + dice.span(0, 200_000);
            let deed = match dice.percent(70) {
                true => Deed::QuarantineTest { run, test, span: dice.span(1, 400_000) },
                false => Deed::ReleaseTest { run, test },
            };
            deeds.push(DeedPlan { at, deed });
        }
    }
    if dice.percent(30) {
        let agent = dice.between(0..=agents - 1);
        deeds.push(DeedPlan { at: dice.moment(window), deed: Deed::TrustAgent(agent) });
    }
    deeds.sort_by_key(|deed| deed.at);
}

/// Sets these numbers apart from all others of the seed.
const STREAM: u64 = 0x0000_9e45;
