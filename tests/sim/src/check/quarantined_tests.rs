//! A failure is excused only where somebody had put the test into quarantine before its run ended.

use crate::history::Observation;
use crate::plan::Deed;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct QuarantinedTests {
    seen: usize,
}

impl Check for QuarantinedTests {
    fn name(&self) -> &'static str {
        "only what is in quarantine is excused"
    }

    fn look(&mut self, view: &View<'_>, _: &Moment<'_>) -> Result<(), String> {
        let all = view.history.all();
        for observed in &all[self.seen..] {
            let Observation::ReportStored(report) = &observed.what else { continue };
            let project = &report.run.spec.project;
            for test in report.tests.iter().filter(|test| test.is_quarantined) {
                let is_asked = view.plan.deeds.iter().any(|planned| match planned.deed {
                    Deed::QuarantineTest { run, test: which, .. } => {
                        let of = &view.plan.runs[run];
                        let is_same = of.tests().nth(which).is_some_and(|named| named.name == test.name);
                        of.spec.project == *project && is_same && planned.at <= observed.at
                    }
                    _ => false,
                });
                if !is_asked {
                    return Err(format!(
                        "test `{}` of run {} was put into quarantine by nobody",
                        test.name, report.run.run
                    ));
                }
            }
        }
        self.seen = all.len();
        Ok(())
    }
}
