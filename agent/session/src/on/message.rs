//! The coordinator has sent a message: whose it is, and whether this is the moment for it.

use std::time::Duration;

use muster_common::control::{Stamp, ToAgent};
use muster_common::time::Monotonic;

use crate::home::Judgement;
use crate::link::Link;
use crate::{Effect, Notice, Session, StopReason};

impl Session {
    pub(crate) fn on_message(&mut self, at: Monotonic, stamp: Stamp, message: ToAgent, effects: &mut Vec<Effect>) {
        match self.link {
            Link::Down { .. } | Link::Connecting { .. } => return,
            Link::Opening { .. } | Link::Open(_) => {}
        }
        match self.home.judge(at, stamp, self.patience()) {
            Judgement::Obey => self.obey(at, stamp, message, effects),
            Judgement::Refuse { known } => self.hang_up(at, Notice::StampRefused { got: stamp, known }, effects),
            Judgement::Move => self.move_home(at, stamp, effects),
        }
    }

    fn obey(&mut self, at: Monotonic, stamp: Stamp, message: ToAgent, effects: &mut Vec<Effect>) {
        if let ToAgent::Opened(opened) = message {
            return self.on_opened(at, stamp, opened, effects);
        }
        if !self.link.is_open() {
            return self.hang_up(at, Notice::Protocol("a message came before the session was opened"), effects);
        }
        match message {
            ToAgent::Opened(_) => {}
            ToAgent::Lease(lease) => self.on_lease(lease, effects),
            ToAgent::Batch(batch) => self.on_batch(at, batch, effects),
            ToAgent::Withdraw(withdraw) => self.on_withdraw(withdraw, effects),
            ToAgent::Cancel { token, reason } => self.on_cancel(token, reason, effects),
            ToAgent::Drain => self.on_drain(effects),
            ToAgent::HeartbeatAnswer { number } => self.on_heartbeat_answer(number),
            ToAgent::Ack { up_to } => self.on_ack(at, up_to, effects),
        }
    }

    /// How long a coordinator with another store is refused: not at all if nothing is held that it could hurt.
    fn patience(&self) -> Duration {
        let is_spool_ours = !self.spool.is_empty() && self.home.is_confirmed();
        if is_spool_ours || self.attempts.unfinished() > 0 { self.config.foreign_patience } else { Duration::ZERO }
    }

    /// Gives up what is held for the known store. The other one is obeyed from the next stream on, once the last attempt
    /// has ended: its tokens may have the same names.
    fn move_home(&mut self, at: Monotonic, stamp: Stamp, effects: &mut Vec<Effect>) {
        let notice = Notice::StoreChanged { messages: self.spool.len(), attempts: self.attempts.unfinished() };
        let tokens: Vec<_> = self.attempts.iter().map(|(token, _)| token).collect();
        for token in tokens {
            self.forget(token, StopReason::Superseded, effects);
        }
        if let Some(up_to) = self.spool.clear() {
            effects.push(Effect::SpoolTrim { up_to });
        }
        if self.attempts.is_empty() {
            self.attempts.forget_ended();
            self.home.adopt(stamp);
        }
        self.hang_up(at, notice, effects);
    }
}

#[cfg(test)]
mod tests {
    use muster_common::control::FromAgent;
    use muster_common::error_code::{Reason, ReasonCode};
    use muster_common::id::{Epoch, Token};

    use super::*;
    use crate::attempts::tests::lease;
    use crate::{Config, Identity, Session};

    #[test]
    fn another_store_waits_only_for_what_is_held_for_the_one_that_has_answered() {
        let mut session = Session::new(Config::default(), Identity::plain());
        assert_eq!(session.patience(), Duration::ZERO, "it holds nothing");
        let token = Token { epoch: Epoch(1), counter: 1 };
        let reason = Reason::new(ReasonCode::OutcomeUnknown, "lost");
        session.spool.append(FromAgent::Refused { token, reason });
        assert_eq!(session.patience(), Duration::ZERO, "no store has answered yet");
        session.home.adopt(Stamp { store_id: 7, epoch: Epoch(1) });
        assert_eq!(session.patience(), Config::default().foreign_patience);
        session.spool.clear();
        assert_eq!(session.patience(), Duration::ZERO, "all is acknowledged");
        session.attempts.insert(lease(2));
        assert_eq!(session.patience(), Config::default().foreign_patience, "it has work");
    }
}
