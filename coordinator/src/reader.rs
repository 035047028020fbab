//! Answers questions from what is stored, while nothing can be written.

use muster_scheduler::{Effect, Input, Scheduler};
use muster_service::clock::SystemClock;

use crate::commits::{Begun, Commits};
use crate::driver::Parts;
use crate::effects::Caller;
use crate::handle::Message;
use crate::life::LifeError;

/// A scheduler that is only asked. What it tells of is durable.
#[derive(Debug)]
pub(crate) struct Reader(Option<Scheduler>);

impl Reader {
    /// Reads the store. Where even that needs more room than there is, nobody is answered.
    pub(crate) async fn open(commits: &mut Commits, parts: &Parts) -> Result<Self, LifeError> {
        let Begun { epoch, rows, restored, .. } = match commits.read().await.map_err(LifeError::Begin) {
            Ok(found) => found,
            Err(error) if error.is_no_space() => return Ok(Self(None)),
            Err(error) => return Err(error),
        };
        parts.history.reset(&rows, restored);
        let restored = Scheduler::restore(parts.config.clone(), epoch, rows, SystemClock.now());
        Ok(Self(Some(restored.map_err(LifeError::Restore)?)))
    }

    /// Answers a question, and turns away whoever wants more.
    pub(crate) fn take(&mut self, message: Message) {
        match (&mut self.0, message) {
            (Some(scheduler), Message::Ask { input, caller: Caller::Once(caller), .. }) if is_question(&input) => {
                let step = scheduler.step(SystemClock.now(), input);
                // A question writes nothing; if one ever did, its answer could not be given.
                if !step.writes.is_empty() {
                    return;
                }
                let answer = step.effects.into_iter().find_map(|effect| match effect {
                    Effect::Answer { answer, .. } => Some(answer),
                    Effect::Send { .. }
                    | Effect::CloseSession { .. }
                    | Effect::Publish { .. }
                    | Effect::Retire { .. } => None,
                });
                if let Some(answer) = answer {
                    // A caller who has left is no fault.
                    drop(caller.send(answer));
                }
            }
            (_, message) => message.turn_away(),
        }
    }
}

fn is_question(input: &Input) -> bool {
    use Input::{GetRun, ListAgents, ListRunTests, ListRuns, Overview};
    matches!(input, GetRun { .. } | ListRuns { .. } | ListRunTests { .. } | ListAgents { .. } | Overview { .. })
}
