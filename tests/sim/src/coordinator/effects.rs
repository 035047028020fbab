//! Carries out a scheduler's effects.

use muster_common::id::RunId;
use muster_scheduler::{Answer, Ask, Effect, Event as Published};

use super::CrashPoint;
use crate::event::Event;
use crate::history::Observation;
use crate::network::Down;
use crate::view::Moment;
use crate::world::World;

impl World {
    /// Effects leave, in order.
    pub(crate) fn release(&mut self, coordinator: usize, effects: Vec<Effect>) {
        let until = match self.coordinators[coordinator].crash {
            Some(CrashPoint::AmongEffects(count)) if !effects.is_empty() => count as usize % effects.len(),
            Some(_) | None => usize::MAX,
        };
        for (place, effect) in effects.into_iter().enumerate() {
            if place == until {
                return self.kill_coordinator(coordinator);
            }
            self.look(Moment::Released { coordinator, effect: &effect });
            self.carry_out(coordinator, effect);
        }
    }

    fn carry_out(&mut self, coordinator: usize, effect: Effect) {
        match effect {
            Effect::Send { session, message } => {
                let found = &self.coordinators[coordinator];
                let (Some(stream), Some(life)) = (found.lines.get(&session), &found.life) else { return };
                let (stream, stamp) = (*stream, life.stamp);
                self.net.send_down(&mut self.env, stream, Down::Message(stamp, Box::new(message)));
            }
            Effect::CloseSession { session, .. } => {
                if let Some(stream) = self.coordinators[coordinator].lines.remove(&session) {
                    self.close_stream(stream);
                }
            }
            Effect::Answer { ask, answer } => self.answer(coordinator, ask, answer),
            Effect::Publish { run, event } => self.publish(coordinator, run, &event),
            Effect::Retire { report } => {
                let run = report.run.run;
                let took = self.env.between(100, self.options.report_micros_max);
                self.env.note(Observation::ReportStored(report));
                self.env.after(took, Event::ReportStored { coordinator, run });
            }
        }
    }

    fn answer(&mut self, coordinator: usize, ask: Ask, answer: Answer) {
        let Some(call) = self.coordinators[coordinator].callers.remove(&ask) else { return };
        if let Answer::Watching(snapshot) = &answer
            && let Some(watcher) = self.watcher_of(call)
        {
            let run = snapshot.run;
            if snapshot.end.is_none() {
                self.coordinators[coordinator].watchers.entry(run).or_default().push(watcher);
            }
            self.watch_begins(watcher, snapshot);
        }
        self.reply(call, answer);
    }

    fn publish(&mut self, coordinator: usize, run: RunId, event: &Published) {
        let Some(watchers) = self.coordinators[coordinator].watchers.get(&run) else { return };
        let watchers = watchers.clone();
        for watcher in watchers {
            self.watched(watcher, event);
        }
        if matches!(event, Published::RunFinished(_)) {
            self.coordinators[coordinator].watchers.remove(&run);
        }
    }
}
