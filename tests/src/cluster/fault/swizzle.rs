//! Agents are frozen or cut off one by one until none is left, and healed in any order.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::Setting;
use crate::cluster::dice::Dice;
use crate::cluster::moment::Moment;
use crate::cluster::promises::Allowance;
use crate::cluster::round::Round;
use crate::cluster::scene::{Scene, works_again};
use crate::cluster::site::{Settings, Site};
use crate::cluster::workload::Suite;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Freeze,
    CutOff,
}

pub(super) fn run(setting: Setting) -> Round {
    let mut dice = Dice::new(setting.seed);
    let site = Site::start(Settings::default(), &AGENTS);
    let scene = Scene::begin(&site, Suite { tests: TESTS, seconds: "0.3", lines: 10, role: None });
    scene.wait_begun(TESTS as usize / 5);
    let mut struck = Vec::new();
    for agent in dice.shuffled(&AGENTS) {
        let blow = if dice.below(2) == 0 { Blow::Freeze } else { Blow::CutOff };
        match blow {
            Blow::Freeze => site.signal_agent(agent, Signal::SIGSTOP),
            Blow::CutOff => site.switch.cut_off(&site.agent(agent).host),
        }
        struck.push((agent, blow));
        sleep(Duration::from_millis(u64::from(dice.below(1_500))));
    }
    let mut allowance = Allowance::default();
    for (agent, blow) in dice.shuffled(&struck) {
        sleep(Duration::from_millis(u64::from(dice.below(1_500))));
        match blow {
            Blow::Freeze => site.signal_agent(agent, Signal::SIGCONT),
            Blow::CutOff => site.switch.heal(&site.agent(agent).host),
        }
        allowance.cut_off.insert(agent.to_owned(), Moment::now());
        allowance.cut_logs.insert(agent.to_owned());
    }
    let healed = Moment::now();
    let mut round = scene.end_since(&site, &allowance, &[healed]);
    for agent in AGENTS {
        round.join(works_again(&site, agent));
    }
    round
}

const AGENTS: [&str; 3] = ["agent-1", "agent-2", "agent-3"];
const TESTS: u32 = 60;
