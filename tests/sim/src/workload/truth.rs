//! The truth about work.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_common::error_code::ReasonCode;
use muster_common::id::AgentName;

use super::dice::Dice;
use super::mood::Mood;
use crate::plan::{AgentPlan, Sickness, WorkEnd, WorkTruth};

/// Draws what an attempt of some work does.
pub(super) fn work(dice: &mut Dice, mood: &Mood, agents: &[AgentPlan]) -> WorkTruth {
    let most_ms = if dice.permille(mood.slow) { 400_000 } else { 8_000 };
    WorkTruth {
        setup: dice.span(1, 1_500),
        duration: dice.span(5, most_ms),
        end: if dice.permille(mood.work_trouble) { trouble(dice) } else { WorkEnd::Passes },
        kills: if dice.permille(mood.killing) { dice.between(1..=4) } else { 0 },
        sickness: sickness(dice, mood, agents),
    }
}

/// Draws where something cannot be run.
pub(super) fn sickness(dice: &mut Dice, mood: &Mood, agents: &[AgentPlan]) -> Option<Sickness> {
    if !dice.permille(mood.sickness) {
        return None;
    }
    let codes = [
        ReasonCode::RunnerMissing,
        ReasonCode::WorkspaceFailed,
        ReasonCode::DiskFull,
        ReasonCode::OutOfMemory,
        ReasonCode::ArtifactMissing,
    ];
    Some(Sickness { agents: some_agents(dice, agents), code: dice.one_of(&codes) })
}

/// Some agents, at least one.
pub(super) fn some_agents(dice: &mut Dice, agents: &[AgentPlan]) -> BTreeSet<AgentName> {
    let count = if dice.percent(10) { agents.len() } else { dice.skewed(agents.len().max(1)) };
    (0..count).map(|_| dice.one_of(agents).agent).collect()
}

fn trouble(dice: &mut Dice) -> WorkEnd {
    match dice.between(0..=9) {
        0..=3 => WorkEnd::Fails(dice.one_of(&[ReasonCode::ExitStatus, ReasonCode::Signal])),
        4 => WorkEnd::Fails(ReasonCode::BuildFailed),
        5 => WorkEnd::PassesWithoutArtifact,
        6 => WorkEnd::Errs(dice.one_of(&[ReasonCode::WorkspaceFailed, ReasonCode::ExpressionFailed])),
        7 => WorkEnd::Hangs,
        8 => WorkEnd::CancelsItself(dice.between(1..=4)),
        _ => WorkEnd::Errs(ReasonCode::DiskFull),
    }
}

/// Whether this work may go on until somebody stops it.
pub(super) fn may_hang(truth: &WorkTruth) -> bool {
    truth.end == WorkEnd::Hangs
}

/// The longest that one attempt takes by itself on the slowest agent.
pub(super) fn longest(truth: &WorkTruth) -> Duration {
    (truth.setup + truth.duration) * SLOWEST
}

/// An agent of the least speed takes so many times as long as planned.
pub(super) const SLOWEST: u32 = 5;
