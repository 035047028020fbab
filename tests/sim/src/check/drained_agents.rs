//! A drained agent gets nothing new.

use std::collections::BTreeSet;

use muster_common::control::ToAgent;
use muster_common::id::Token;
use muster_scheduler::Effect;

use super::fleet::Fleet;
use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct DrainedAgents {
    fleet: Fleet,
    /// Leases and batches that were sent before; sending one again gives nothing new.
    sent: BTreeSet<Token>,
}

impl Check for DrainedAgents {
    fn name(&self) -> &'static str {
        "a drained agent gets nothing"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.fleet.look(view, moment);
        if let Moment::Restored { .. } = moment {
            let live = view.live.iter();
            self.sent.extend(live.clone().flat_map(|live| rows::leases(live.written)).map(|row| row.token));
            self.sent.extend(live.flat_map(|live| rows::batches(live.written)).map(|row| row.token));
        }
        let Moment::Stepped { coordinator, effects, .. } = moment else { return Ok(()) };
        if rows::live(view, *coordinator).is_none() {
            return Ok(());
        }
        for effect in *effects {
            let Effect::Send { session, message } = effect else { continue };
            let token = match message {
                ToAgent::Lease(lease) => lease.token,
                ToAgent::Batch(batch) if !batch.tests.is_empty() => batch.token,
                ToAgent::Batch(_)
                | ToAgent::Opened(_)
                | ToAgent::Withdraw(_)
                | ToAgent::Cancel { .. }
                | ToAgent::Drain
                | ToAgent::HeartbeatAnswer { .. }
                | ToAgent::Ack { .. } => continue,
            };
            let is_new = self.sent.insert(token);
            if let Some(member) = self.fleet.member(*session).filter(|member| member.is_draining && is_new) {
                return Err(format!("agent {} is draining and gets {token}", member.agent));
            }
        }
        Ok(())
    }
}
