//! What clients and operators do besides submitting runs.

use std::time::Duration;

use super::dice::Dice;
use super::mood::Mood;
use crate::plan::{Deed, DeedPlan, RunPlan};

/// Draws what they do, by time.
pub(super) fn draw(dice: &mut Dice, mood: &Mood, runs: &[RunPlan], agents: usize, window: Duration) -> Vec<DeedPlan> {
    let mut deeds = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        if dice.permille(mood.cancels) {
            let at = run.at + dice.span(1, 120_000);
            deeds.push(DeedPlan { at, deed: Deed::Cancel(number) });
            if dice.percent(20) {
                deeds.push(DeedPlan { at: at + dice.span(1, 60_000), deed: Deed::Cancel(number) });
            }
        }
        if dice.percent(40) {
            deeds.push(DeedPlan { at: run.at + dice.span(1, 30_000), deed: Deed::WatchRun(number) });
        }
    }
    for _ in 0..dice.skewed(12) {
        let deed = question(dice, runs.len(), agents);
        deeds.push(DeedPlan { at: dice.moment(window), deed });
    }
    if dice.permille(mood.turnover) {
        let agent = dice.between(0..=agents - 1);
        deeds.push(DeedPlan { at: dice.moment(window), deed: Deed::DrainAgent(agent) });
    }
    deeds.sort_by_key(|deed| deed.at);
    deeds
}

fn question(dice: &mut Dice, runs: usize, agents: usize) -> Deed {
    let run = dice.between(0..=runs - 1);
    match dice.between(0..=9) {
        0 => Deed::GetRun(run),
        1 => Deed::ListRuns,
        2 => Deed::ListRunTests { run, limit: dice.skewed(1_000) },
        3 => Deed::WatchRun(run),
        4 => Deed::ListAgents,
        5 => Deed::Overview,
        6 => Deed::GetNoRun,
        7 => Deed::GetSpec(run),
        8 => Deed::ListTests { run, limit: dice.skewed(100) },
        _ => match dice.percent(5) {
            true => Deed::DrainAgent(dice.between(0..=agents - 1)),
            false => Deed::GetRun(run),
        },
    }
}
