//! A scheduler and the store that takes its writes.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_common::id::Epoch;
use muster_common::time::{Monotonic, Now, Wall};
use muster_scheduler::{Config, Effect, Input, Key, Row, Scheduler, Step, Write, invariants};

/// Both, with what must agree between them checked after every step.
pub(crate) struct World {
    pub(crate) scheduler: Scheduler,
    pub(crate) rows: BTreeMap<Key, Row>,
    config: Config,
    epoch: Epoch,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let epoch = Epoch(1);
        Self { scheduler: Scheduler::new(config.clone(), epoch), rows: BTreeMap::new(), config, epoch }
    }

    /// One step: its writes are stored, and everything is checked.
    pub(crate) fn step(&mut self, at: Monotonic, input: Input) -> Step {
        let step = self.scheduler.step(now(at), input);
        for write in &step.writes {
            match write {
                Write::Put(row) => {
                    self.rows.insert(row.key(), row.clone());
                }
                Write::Delete(key) => {
                    self.rows.remove(key);
                }
            }
        }
        self.check(at);
        step
    }

    /// The coordinator is killed and starts again on its rows.
    pub(crate) fn restart(&mut self, at: Monotonic) -> Vec<Effect> {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.scheduler = self.restored(self.epoch, at);
        self.step(at, Input::Deadline).effects
    }

    /// Whether every run has ended.
    pub(crate) fn is_quiet(&self) -> bool {
        self.rows.values().all(|row| match row {
            Row::Run(run) => run.end.is_some(),
            _ => true,
        })
    }

    fn restored(&self, epoch: Epoch, at: Monotonic) -> Scheduler {
        Scheduler::restore(self.config.clone(), epoch, self.rows.values().cloned(), now(at))
            .expect("rows that a scheduler wrote make a state")
    }

    fn check(&self, at: Monotonic) {
        let stored: BTreeMap<Key, Row> =
            self.rows.iter().filter(|(key, _)| !matches!(key, Key::History(_))).map(|(k, r)| (*k, r.clone())).collect();
        same_rows("the store", &stored, "the live state", &self.scheduler.durable_view());
        if let Err(violation) = invariants::check(&self.scheduler) {
            panic!("{violation}");
        }
        let mut restored = self.restored(Epoch(self.epoch.0 + 1), at);
        same_rows("the store", &stored, "the restored state", &restored.durable_view());
        let _ = restored.step(now(at), Input::Deadline);
        if let Err(violation) = invariants::check(&restored) {
            panic!("after a restart: {violation}");
        }
    }
}

/// Both clocks at one moment of a test.
pub(crate) fn now(at: Monotonic) -> Now {
    Now { monotonic: at, wall: Wall { unix_ms: 1_700_000_000_000 + at.micros / 1_000 } }
}

pub(crate) fn at(span: Duration) -> Monotonic {
    Monotonic::default() + span
}

fn same_rows(one: &str, left: &BTreeMap<Key, Row>, other: &str, right: &BTreeMap<Key, Row>) {
    for key in left.keys().chain(right.keys()) {
        assert_eq!(left.get(key), right.get(key), "row {key:?} differs between {one} (left) and {other} (right)");
    }
}
