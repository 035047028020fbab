//! The coordinator has extended everything that is held.

use crate::Session;
use crate::link::Link;

impl Session {
    pub(crate) fn on_heartbeat_answer(&mut self, number: u64) {
        let Link::Open(pulse) = &mut self.link else { return };
        if let Some(sent_at) = pulse.answer(number) {
            self.renewed_at = self.renewed_at.max(sent_at);
            self.backoff.reset();
        }
    }
}
