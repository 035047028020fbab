//! A finished test is never dealt again: nothing is sent to be run whose verdict stands, and no lease of a job that ended.

use muster_common::control::ToAgent;
use muster_scheduler::Effect;

use super::rows;
use crate::view::{Check, Moment, View};

#[derive(Debug, Default)]
pub(super) struct UnrepeatedTests;

impl Check for UnrepeatedTests {
    fn name(&self) -> &'static str {
        "a finished test is never run again"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, effects, .. } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for effect in *effects {
            let Effect::Send { message, .. } = effect else { continue };
            match message {
                ToAgent::Batch(batch) => {
                    let Some(row) = rows::batch(live.written, batch.token) else {
                        if batch.tests.is_empty() {
                            continue;
                        }
                        return Err(format!("batch {} is dealt and not stored", batch.token));
                    };
                    for dealt in &batch.tests {
                        let known = rows::test(live.written, row.job, dealt.test);
                        if let Some(verdict) = known.and_then(|known| known.verdict) {
                            return Err(format!("test {} of job {} is {verdict:?} and dealt", dealt.test, row.job));
                        }
                        let ended = known.map_or(0, |known| known.tries.len());
                        if dealt.attempt as usize != ended + 1 {
                            return Err(format!("try {} of test {} is dealt after {ended}", dealt.attempt, dealt.test));
                        }
                    }
                }
                ToAgent::Lease(lease) => {
                    let end = rows::job(live.written, lease.job).and_then(|job| job.end.as_ref());
                    if let Some(end) = end {
                        return Err(format!("job {} ended {:?} and is leased", lease.job, end.outcome));
                    }
                    if rows::lease(live.written, lease.token).is_none_or(|row| row.is_over) {
                        return Err(format!("lease {} is sent and not live", lease.token));
                    }
                }
                ToAgent::Opened(_)
                | ToAgent::Withdraw(_)
                | ToAgent::Cancel { .. }
                | ToAgent::Drain
                | ToAgent::HeartbeatAnswer { .. }
                | ToAgent::Ack { .. } => {}
            }
        }
        Ok(())
    }
}
