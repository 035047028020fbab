//! Those who watch a run until it ends.

use muster_common::id::RunId;
use muster_scheduler::{Answer, Event as Published, Refusal, RunSummary};

use crate::client::{CallId, Question};
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
    standing: Standing,
}

/// What a watcher does: one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It comes, or comes again after a while.
    Coming,
    /// It has asked.
    Asking(CallId),
    /// It hears what happens.
    Watching,
    /// It has seen the run's end, or was told that there is nothing to watch.
    Done,
}

impl World {
    pub(crate) fn add_watcher(&mut self, run: RunId) -> usize {
        self.watchers.all.push(Watcher { run, standing: Standing::Coming });
        self.watchers.all.len() - 1
    }

    pub(crate) fn on_watch(&mut self, watcher: usize) {
        let run = self.watchers.all[watcher].run;
        let call = self.call(Question::Watch { watcher, run });
        self.watchers.all[watcher].standing = Standing::Asking(call);
    }

    /// The snapshot leaves with which it begins.
    pub(crate) fn watch_begins(&mut self, watcher: usize, snapshot: &RunSummary) {
        let has_ended = snapshot.end.is_some();
        self.watchers.all[watcher].standing = if has_ended { Standing::Done } else { Standing::Watching };
        self.env.note(Observation::RunSeen(Box::new(snapshot.clone())));
    }

    /// Something is published.
    pub(crate) fn watched(&mut self, watcher: usize, event: &Published) {
        let found = &mut self.watchers.all[watcher];
        if found.standing != Standing::Watching {
            let (run, standing) = (found.run, found.standing);
            let what = format!("run {run}, watcher {watcher} is {standing:?}: {event:?}");
            return self.violated("a watcher hears everything once, and nothing after the end", what);
        }
        match event {
            Published::RunFinished(summary) => {
                found.standing = Standing::Done;
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
        self.watchers.all[watcher].standing = Standing::Coming;
        let pause = self.env.between(10_000, 2_000_000);
        self.env.after(pause, Event::Watch(watcher));
    }

    /// A question was answered. If the watch has begun with it, or was lost meanwhile, that says nothing new.
    pub(crate) fn watch_answered(&mut self, watcher: usize, call: CallId, answer: Option<Answer>) {
        let found = &mut self.watchers.all[watcher];
        if found.standing != Standing::Asking(call) {
            return;
        }
        let run = found.run;
        match answer {
            Some(Answer::Refused(Refusal::RunUnknown { .. })) => {
                found.standing = Standing::Done;
                self.look_into_history(run);
            }
            Some(_) => found.standing = Standing::Done,
            None => self.watch_lost(watcher),
        }
    }
}
