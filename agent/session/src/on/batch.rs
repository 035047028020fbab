//! Tests for a shard.

use muster_common::control::Batch;
use muster_common::time::Monotonic;

use crate::attempts::Phase;
use crate::{Effect, Notice, Session};

impl Session {
    pub(crate) fn on_batch(&mut self, at: Monotonic, batch: Batch, effects: &mut Vec<Effect>) {
        let Some(attempt) = self.attempts.get(batch.shard) else { return };
        let is_known = attempt.shard.batches.contains_key(&batch.token) || attempt.shard.is_last_given;
        if attempt.phase != Phase::Running || is_known {
            return;
        }
        if attempt.shard.batches.len() >= BATCHES_PER_SHARD_MAX {
            return self.hang_up(at, Notice::Protocol("a shard was given more batches than it asked for"), effects);
        }
        self.attempts.insert_batch(&batch);
        effects.push(Effect::GiveBatch(batch));
    }
}

/// Batches of one shard that have tests without an acknowledged result.
const BATCHES_PER_SHARD_MAX: usize = 1_024;
