//! Those who watch a run until it ends.

use muster_common::id::RunId;
use muster_scheduler::{Answer, Event as Published, Refusal, RunSummary};

use crate::client::Question;
use crate::event::Event;
use crate::history::Observation;
use crate::world::World;

/// Everyone who watches.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    all: Vec<Watcher>,
}

/// One who watches a run.
#[derive(Debug)]
struct Watcher {
    run: RunId,
    has_seen_end: bool,
}

impl World {
    pub(crate) fn add_watcher(&mut self, run: RunId) -> usize {
        self.watchers.all.push(Watcher { run, has_seen_end: false });
        self.watchers.all.len() - 1
    }

    /// The snapshot leaves with which it begins.
    pub(crate) fn watch_begins(&mut self, watcher: usize, snapshot: &RunSummary) {
        self.watchers.all[watcher].has_seen_end = snapshot.end.is_some();
        self.env.note(Observation::RunSeen(Box::new(snapshot.clone())));
    }

    /// Something is published.
    pub(crate) fn watched(&mut self, watcher: usize, event: &Published) {
        let found = &mut self.watchers.all[watcher];
        if found.has_seen_end {
            let run = found.run;
            return self.violated("a watcher hears nothing after the end", format!("run {run}: {event:?}"));
        }
        match event {
            Published::RunFinished(summary) => {
                found.has_seen_end = true;
                self.env.note(Observation::RunSeen(summary.clone()));
            }
            Published::RunChanged(_)
            | Published::JobChanged(_)
            | Published::TestFinished { .. }
            | Published::ShardsChanged { .. } => {}
        }
    }

    /// The coordinator is gone, or sends everyone away: the watcher comes again.
    pub(crate) fn watch_lost(&mut self, watcher: usize) {
        let pause = self.env.between(10_000, 2_000_000);
        self.env.after(pause, Event::Watch(watcher));
    }

    pub(crate) fn on_watch(&mut self, watcher: usize) {
        let run = self.watchers.all[watcher].run;
        self.ask(Question::Watch { watcher, run });
    }

    pub(crate) fn watch_answered(&mut self, watcher: usize, answer: Option<Answer>) {
        let run = self.watchers.all[watcher].run;
        match answer {
            Some(Answer::Watching(_)) => {}
            Some(Answer::Refused(Refusal::RunUnknown { .. })) => self.look_into_history(run),
            Some(_) => {}
            // Its answer was lost while it is watching already: it does not know, and that is no matter here.
            None if self.is_watching(watcher) => {}
            None => self.watch_lost(watcher),
        }
    }

    fn is_watching(&self, watcher: usize) -> bool {
        let is_there = |found: &crate::coordinator::Coordinator| {
            found.watchers.values().any(|watchers| watchers.contains(&watcher))
        };
        self.watchers.all[watcher].has_seen_end || self.coordinators.iter().any(is_there)
    }
}
