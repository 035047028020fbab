//! A fencing token is never reused, also across lives: it names one lease, or one batch of one shard.

use std::collections::BTreeMap;

use muster_common::control::ToAgent;
use muster_common::id::{AgentName, Epoch, JobId, TestIndex, Token};
use muster_scheduler::{Effect, LeasePart, Row};

use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: BTreeMap<Token, Name>,
    newest: BTreeMap<Epoch, u64>,
}

/// What a token names.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Lease { job: JobId, part: String, attempt: u32, agent: AgentName },
    Batch { shard: Token, tests: Vec<(TestIndex, u32)> },
    LastBatch { shard: Token },
}

impl Check for Tokens {
    fn name(&self) -> &'static str {
        "a fencing token is never reused"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, changes, effects } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for change in *changes {
            match rows::put(change) {
                Some(Row::Lease(row)) => {
                    let part = match row.part {
                        LeasePart::Work => "work".to_owned(),
                        LeasePart::Discovery => "discovery".to_owned(),
                        LeasePart::Shard(shard) => format!("shard {shard}"),
                    };
                    let name = Name::Lease { job: row.job, part, attempt: row.attempt, agent: row.agent.clone() };
                    self.take(live.epoch, row.token, name)?;
                }
                Some(Row::Batch(row)) => {
                    self.take(live.epoch, row.token, Name::Batch { shard: row.shard, tests: row.tests.clone() })?;
                }
                Some(_) | None => {}
            }
        }
        for effect in *effects {
            if let Effect::Send { message: ToAgent::Batch(batch), .. } = effect
                && batch.is_last
                && batch.tests.is_empty()
            {
                self.take(live.epoch, batch.token, Name::LastBatch { shard: batch.shard })?;
            }
        }
        Ok(())
    }
}

impl Tokens {
    fn take(&mut self, epoch: Epoch, token: Token, name: Name) -> Result<(), String> {
        if let Some(known) = self.known.get_mut(&token) {
            // A batch loses tests that its agent has given up.
            if let (Name::Batch { shard, tests }, Name::Batch { shard: other, tests: left }) = (&*known, &name)
                && shard == other
                && left.iter().all(|test| tests.contains(test))
            {
                return Ok(());
            }
            return if *known == name { Ok(()) } else { Err(format!("{token} names {known:?} and {name:?}")) };
        }
        let newest = self.newest.entry(epoch).or_default();
        if token.epoch != epoch || token.counter <= *newest {
            // Batches and leases of one step are written by token, so their order says nothing within a step.
            if token.epoch != epoch || self.known.contains_key(&token) {
                return Err(format!("{token} is new in epoch {epoch}, whose newest token is {newest}"));
            }
        }
        *newest = (*newest).max(token.counter);
        if let Some((last, _)) = self.known.last_key_value()
            && last.epoch > epoch
        {
            return Err(format!("{token} is given out after {last}"));
        }
        self.known.insert(token, name);
        Ok(())
    }
}
