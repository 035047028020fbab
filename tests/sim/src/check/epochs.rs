//! Every life has a higher epoch than all before it, and only the newest writes.

use std::collections::BTreeMap;

use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Epochs {
    highest: u64,
    by_coordinator: BTreeMap<usize, u64>,
}

impl Check for Epochs {
    fn name(&self) -> &'static str {
        "epochs rise, and the newest writes"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        match moment {
            Moment::Restored { coordinator } => {
                let Some(live) = view.live else { return Err("a life has begun and is not live".to_owned()) };
                if live.epoch.0 <= self.highest {
                    return Err(format!("epoch {} begins after epoch {}", live.epoch, self.highest));
                }
                self.highest = live.epoch.0;
                self.by_coordinator.insert(*coordinator, live.epoch.0);
                Ok(())
            }
            Moment::Committed { coordinator, changes } => {
                let epoch = self.by_coordinator.get(coordinator).copied();
                if epoch != Some(view.disk.epoch().0) && !changes.is_empty() {
                    return Err(format!("epoch {epoch:?} writes in epoch {}", view.disk.epoch()));
                }
                Ok(())
            }
            Moment::Stepping { .. }
            | Moment::Stepped { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => Ok(()),
        }
    }
}
