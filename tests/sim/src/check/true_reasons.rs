//! Nobody waits without a reason, and the reason is true when it is told, and made true again soon after it has changed.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::id::JobId;
use muster_common::requirement::all_hold;
use muster_scheduler::{Answer, Effect, Event, Input, JobState, JobSummary};

use super::fleet::Fleet;
use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct TrueReasons {
    fleet: Fleet,
    told: BTreeMap<JobId, Told>,
    is_deadline: bool,
}

/// What watchers know of a job.
#[derive(Debug)]
struct Told {
    kind: Kind,
    /// Since when it has been seen to be wrong.
    wrong_since: Option<Duration>,
}

/// The kinds of reason that depend on the fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No agent is connected.
    NoAgents,
    /// No agent has what is asked for.
    NoneFits,
    /// Some do, and are not free, or not to be used.
    SomeFit,
}

impl Check for TrueReasons {
    fn name(&self) -> &'static str {
        "nobody waits without a true reason"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        self.fleet.look(view, moment);
        match moment {
            Moment::Stepping { input, .. } => self.is_deadline = matches!(input, Input::Deadline),
            Moment::Restored { .. } => self.told.clear(),
            Moment::Stepped { coordinator, effects, .. } => {
                let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
                for effect in *effects {
                    self.hear(live, effect)?;
                }
                if self.is_deadline {
                    return self.doubt(view, live);
                }
            }
            Moment::Committed { .. }
            | Moment::Released { .. }
            | Moment::LifeEnded { .. }
            | Moment::Session { .. }
            | Moment::End => {}
        }
        Ok(())
    }
}

impl TrueReasons {
    fn hear(&mut self, live: Live<'_>, effect: &Effect) -> Result<(), String> {
        match effect {
            Effect::Publish { event: Event::JobChanged(summary), .. } => self.hear_job(live, summary, true),
            Effect::Answer { answer: Answer::Run(summary) | Answer::Watching(summary), .. } => {
                summary.jobs.iter().try_for_each(|job| self.hear_job(live, job, false))
            }
            Effect::Publish { .. }
            | Effect::Answer { .. }
            | Effect::Send { .. }
            | Effect::CloseSession { .. }
            | Effect::Retire { .. } => Ok(()),
        }
    }

    fn hear_job(&mut self, live: Live<'_>, summary: &JobSummary, is_published: bool) -> Result<(), String> {
        match summary.state {
            JobState::Waiting if summary.waiting_for.is_empty() => {
                Err(format!("job {} waits and nobody says for what", summary.job))
            }
            JobState::Queued => {
                let kind = kind_of(&summary.waiting_for);
                if kind != self.truth(live, summary.job) {
                    return Err(format!(
                        "job {} is said to wait for {}, which is not so",
                        summary.job, summary.waiting_for
                    ));
                }
                if is_published {
                    self.told.insert(summary.job, Told { kind, wrong_since: None });
                }
                Ok(())
            }
            JobState::Waiting | JobState::Running | JobState::Finished => {
                if is_published {
                    self.told.remove(&summary.job);
                }
                Ok(())
            }
        }
    }

    fn truth(&self, live: Live<'_>, job: JobId) -> Kind {
        let Some(spec) = rows::spec(live.written, job) else { return Kind::NoAgents };
        let mut members = self.fleet.members().peekable();
        if members.peek().is_none() {
            return Kind::NoAgents;
        }
        if members.any(|member| all_hold(&spec.requirements, &member.labels)) { Kind::SomeFit } else { Kind::NoneFits }
    }

    /// What was told and is wrong by now has to be put right.
    fn doubt(&mut self, view: &View<'_>, live: Live<'_>) -> Result<(), String> {
        let wrong: Vec<JobId> =
            self.told.iter().filter(|(job, told)| told.kind != self.truth(live, **job)).map(|(job, _)| *job).collect();
        for (job, told) in &mut self.told {
            if !wrong.contains(job) {
                told.wrong_since = None;
                continue;
            }
            let since = *told.wrong_since.get_or_insert(view.at);
            if view.at - since > CORRECTED_WITHIN {
                return Err(format!("job {job} is said to wait with {:?} for {:?}", told.kind, view.at - since));
            }
        }
        Ok(())
    }
}

fn kind_of(text: &str) -> Kind {
    if text.contains("none is connected") {
        Kind::NoAgents
    } else if text.contains("none of those connected") {
        Kind::NoneFits
    } else {
        Kind::SomeFit
    }
}

/// A reason that has become wrong is wrong no longer than this, and so long as no coordinator stands still.
const CORRECTED_WITHIN: Duration = Duration::from_secs(60);
