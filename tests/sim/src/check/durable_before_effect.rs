//! An effect never overtakes the write that it depends on: it leaves only when its step, and every step before it, is
//! durable.

use std::collections::{BTreeMap, VecDeque};
use std::mem::{Discriminant, discriminant};

use muster_scheduler::{Effect, Key};

use crate::disk::Change;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct DurableBeforeEffect {
    lives: BTreeMap<usize, Life>,
}

/// What a coordinator has stepped and not yet brought to its end.
#[derive(Debug, Default)]
struct Life {
    steps: u64,
    /// Keys that a step writes, with the step's number, oldest first.
    unwritten: VecDeque<(u64, Key)>,
    /// Effects that have not left, with the step's number, oldest first.
    unsent: VecDeque<(u64, Discriminant<Effect>)>,
}

impl Check for DurableBeforeEffect {
    fn name(&self) -> &'static str {
        "no effect before its write is durable"
    }

    fn look(&mut self, _: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        match moment {
            Moment::Stepped { coordinator, changes, effects } => {
                self.lives.entry(*coordinator).or_default().take(changes, effects);
            }
            Moment::Committed { coordinator, changes } => {
                let life = self.lives.entry(*coordinator).or_default();
                for change in *changes {
                    let next = life.unwritten.pop_front().map(|(_, key)| key);
                    if next != Some(change.key()) {
                        return Err(format!("{:?} is stored where {next:?} was next", change.key()));
                    }
                }
            }
            Moment::Released { coordinator, effect } => {
                let life = self.lives.entry(*coordinator).or_default();
                let Some((step, kind)) = life.unsent.pop_front() else {
                    return Err(format!("nobody asked for {effect:?}"));
                };
                if kind != discriminant(*effect) {
                    return Err(format!("effects leave out of order: {effect:?}"));
                }
                if let Some((unwritten, key)) = life.unwritten.front().filter(|(unwritten, _)| *unwritten <= step) {
                    return Err(format!(
                        "{effect:?} of step {step} leaves before {key:?} of step {unwritten} is durable"
                    ));
                }
            }
            Moment::LifeEnded { coordinator } => {
                self.lives.remove(coordinator);
            }
            Moment::Restored { .. } | Moment::Stepping { .. } | Moment::Session { .. } | Moment::End => {}
        }
        Ok(())
    }
}

impl Life {
    fn take(&mut self, changes: &[Change], effects: &[Effect]) {
        self.steps += 1;
        self.unwritten.extend(changes.iter().map(|change| (self.steps, change.key())));
        self.unsent.extend(effects.iter().map(|effect| (self.steps, discriminant(effect))));
    }
}
