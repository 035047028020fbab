//! Tests of a batch are not wanted here any more.

use muster_common::control::{FromAgent, Withdraw, Withdrawn};

use crate::attempts::Phase;
use crate::{Effect, Session};

impl Session {
    /// A running shard is asked what it has begun; of a batch that nobody runs, nothing will be run.
    pub(crate) fn on_withdraw(&mut self, withdraw: Withdraw, effects: &mut Vec<Effect>) {
        if let Some((shard, attempt)) = self.attempts.holder_mut(withdraw.batch)
            && attempt.phase == Phase::Running
        {
            return effects.push(Effect::WithdrawTests { shard, withdraw });
        }
        let withdrawn = Withdrawn { batch: withdraw.batch, given_up: withdraw.tests, started: Vec::new() };
        self.say(FromAgent::Withdrawn(withdrawn), effects);
    }
}
