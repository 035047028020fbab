//! The fleet of a seed.

use std::time::Duration;

use muster_common::id::AgentName;
use muster_common::requirement::Labels;

use super::dice::Dice;
use super::mood::Mood;
use crate::plan::{AgentPlan, Departure};

/// Draws a fleet. In most seeds its first agent has every label and stays.
pub(super) fn draw(dice: &mut Dice, mood: &Mood, window: Duration) -> Vec<AgentPlan> {
    let most = dice.one_of(&[2, 4, 8, 8, 30]);
    let count = dice.skewed(most);
    let has_pillar = dice.percent(85);
    (0..count)
        .map(|number| {
            let agent = one(dice, mood, window, number);
            if number == 0 && has_pillar { pillar(agent) } else { agent }
        })
        .collect()
}

/// Labels of an agent that can do everything that anybody can.
pub(super) fn all_labels() -> Labels {
    labels(&[("os", "linux"), ("gpu", ""), ("zone", "a")])
}

fn pillar(agent: AgentPlan) -> AgentPlan {
    AgentPlan { labels: all_labels(), joins: Duration::ZERO, leaves: None, ..agent }
}

fn one(dice: &mut Dice, mood: &Mood, window: Duration, number: usize) -> AgentPlan {
    let mut found = labels(&[("os", dice.one_of(&["linux", "linux", "linux", "mac"]))]);
    found.insert("zone".to_owned(), dice.one_of(&["a", "b"]).to_owned());
    if dice.percent(30) {
        found.insert("gpu".to_owned(), String::new());
    }
    let is_late = dice.permille(mood.turnover);
    let goes = dice.permille(mood.turnover);
    let joins = if is_late { dice.moment(window) } else { dice.moment(Duration::from_secs(2)) };
    let leaves = goes.then(|| (joins + dice.moment(window), dice.one_of(&[Departure::Drains, Departure::Vanishes])));
    AgentPlan {
        agent: AgentName(format!("agent-{number:02}")),
        labels: found,
        slots: if dice.percent(10) { dice.between(1..=16) } else { dice.between(1..=4) },
        speed_percent: if dice.percent(70) { 100 } else { dice.between(20..=300) },
        joins,
        leaves,
        drift_ppm: if dice.permille(mood.drift) { dice.between(-500..=500) } else { 0 },
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
