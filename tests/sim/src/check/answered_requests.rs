//! A request id names one run for as long as that run is known, also over restarts.

use std::collections::BTreeMap;

use muster_common::id::RunId;
use muster_scheduler::Key;

use crate::history::Observation;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct AnsweredRequests {
    seen: usize,
    runs: BTreeMap<String, RunId>,
}

impl Check for AnsweredRequests {
    fn name(&self) -> &'static str {
        "a request id names one run"
    }

    fn look(&mut self, view: &View<'_>, _: &Moment<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            let Observation::Submitted { plan, run, is_duplicate } = &observed.what else { continue };
            let request_id = &view.plan.runs[*plan].request_id;
            if request_id.is_empty() {
                if *is_duplicate {
                    return Err(format!(
                        "planned run {plan} has no request id and is said to be there before, as {run}"
                    ));
                }
                continue;
            }
            let known = self.runs.insert(request_id.clone(), *run);
            if let Some(known) = known.filter(|known| known != run) {
                // Of a run that is no longer kept the id is forgotten too.
                let rows = view.disk.rows();
                let is_known = rows.contains_key(&Key::Run(known)) || rows.contains_key(&Key::History(known));
                if is_known || *run < known {
                    return Err(format!("request {request_id} was run {known} and is now run {run}"));
                }
            }
        }
        self.seen = all.len();
        Ok(())
    }
}
