//! When everything has ended nothing is left: no rows but the summaries of retired runs, nothing on any agent.

use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Leftovers;

impl Check for Leftovers {
    fn name(&self) -> &'static str {
        "nothing is left when everything has ended"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        if !matches!(moment, Moment::End) || !view.is_healed {
            return Ok(());
        }
        if let Some(key) = view.disk.rows().keys().find(|key| rows::is_of_open_run(key)) {
            return Err(format!("{key:?} is still stored"));
        }
        for (place, agent) in view.agents.iter().enumerate() {
            let Some(session) = agent.session() else { continue };
            let load = session.load();
            if load.is_open && (load.running > 0 || load.unacknowledged > 0) {
                return Err(format!("agent {place} still has {load:?}"));
            }
        }
        Ok(())
    }
}
