//! The beginning and the end of a coordinator's process, and of its lives on the store.

use muster_common::control::Stamp;
use muster_common::id::RunId;
use muster_scheduler::{Input, Row, Scheduler};

use super::{Batch, Coordinator, CrashPoint, Life, Message, Standing};
use crate::clock::Clock;
use crate::disk::{CommitFailure, Rows};
use crate::event::Event;
use crate::history::Observation;
use crate::network::Down;
use crate::trace::trace;
use crate::view::Moment;
use crate::world::World;

impl World {
    /// Starts a process on the store, unless one runs that nobody wants to replace.
    pub(crate) fn on_coordinator_boot(&mut self) {
        self.is_boot_planned = false;
        let zero = self.env.between(0, 1 << 40);
        let drift = i64::try_from(self.env.between(0, 200)).unwrap_or(0) - 100;
        self.coordinators.push(Coordinator::new(Clock::new(zero, drift)));
        let coordinator = self.coordinators.len() - 1;
        trace!(self.env, "coordinator {coordinator}: its process starts");
        self.begin(coordinator);
    }

    /// Has a process started after some time.
    pub(crate) fn plan_boot(&mut self, after: u64) {
        if !self.is_boot_planned {
            self.is_boot_planned = true;
            self.env.after(after, Event::CoordinatorBoot);
        }
    }

    pub(crate) fn on_coordinator_restore(&mut self, coordinator: usize) {
        if self.coordinators[coordinator].standing == Standing::Frozen {
            return self.env.after(RESTORE_PAUSE, Event::CoordinatorRestore(coordinator));
        }
        if self.coordinators[coordinator].is_running() && self.coordinators[coordinator].life.is_none() {
            self.begin(coordinator);
        }
    }

    /// Begins a life on the store; if there is no room for its epoch, later.
    fn begin(&mut self, coordinator: usize) {
        let rows: Rows = self.disk.rows().clone();
        let Some(epoch) = self.disk.raise_epoch() else {
            self.turn_away(coordinator);
            return self.env.after(NO_SPACE_PAUSE, Event::CoordinatorRestore(coordinator));
        };
        let now = self.coordinators[coordinator].clock.read(self.env.now);
        let stored: Vec<Row> = rows.values().map(|row| Row::clone(row)).collect();
        let read = match &self.options.encoding {
            Some(encoding) => encoding.round_trip(stored),
            None => Ok(stored),
        };
        let config = self.env.plan.scheduler.clone();
        let restored =
            read.and_then(|read| Scheduler::restore(config, epoch, read, now).map_err(|error| error.to_string()));
        let scheduler = match restored {
            Ok(scheduler) => scheduler,
            Err(error) => return self.violated("what is stored can be restored", error),
        };
        trace!(self.env, "coordinator {coordinator}: begins epoch {epoch} with {} rows", rows.len());
        self.env.trace.mix(&[epoch.0, rows.len() as u64]);
        let tolerated = self.env.plan.scheduler.heartbeat;
        let found = &mut self.coordinators[coordinator];
        found.stalls = muster_scheduler::Stalls::new(tolerated, now.monotonic);
        found.life = Some(Life {
            stamp: Stamp { store_id: STORE_ID, epoch },
            scheduler,
            written: rows,
            gathered: Batch::default(),
            flight: None,
            proved: None,
        });
        self.env.note(Observation::LifeBegun { coordinator, epoch: epoch.0 });
        self.look(Moment::Restored { coordinator });
        self.step(coordinator, now, Input::Deadline);
        let Some(life) = &mut self.coordinators[coordinator].life else { return };
        let batch = std::mem::take(&mut life.gathered);
        self.send(coordinator, batch);
        self.wake_coordinator(coordinator, self.env.now);
    }

    /// The store has done with a batch. The process hears of it unless it stands still.
    pub(crate) fn on_commit_done(&mut self, coordinator: usize) {
        let Some(life) = &mut self.coordinators[coordinator].life else { return };
        let epoch = life.stamp.epoch;
        let Some(flight) = life.flight.as_mut().filter(|flight| flight.result.is_none()) else { return };
        let result = self.disk.commit(epoch, &flight.batch.changes);
        let is_applied = result.is_ok() || self.disk.has_lied();
        flight.result = Some(result);
        trace!(self.env, "coordinator {coordinator}: commit of {} changes: {result:?}", flight.batch.changes.len());
        if is_applied {
            self.note_durable(coordinator);
        }
        self.hear_commit(coordinator);
    }

    /// What is in flight is durable.
    fn note_durable(&mut self, coordinator: usize) {
        let Some(flight) = self.coordinators[coordinator].life.as_mut().and_then(|life| life.flight.as_mut()) else {
            return;
        };
        self.env.runs.extend(std::mem::take(&mut flight.batch.accepted));
        let changes = std::mem::take(&mut flight.batch.changes);
        self.look(Moment::Committed { coordinator, changes: &changes });
    }

    /// A running process hears what became of its batch.
    pub(crate) fn hear_commit(&mut self, coordinator: usize) {
        if !self.coordinators[coordinator].is_running() {
            return;
        }
        let now = self.coordinators[coordinator].clock.read(self.env.now);
        let Some(life) = &mut self.coordinators[coordinator].life else { return };
        if life.flight.as_ref().is_none_or(|flight| flight.result.is_none()) {
            return;
        }
        let Some(flight) = life.flight.take() else { return };
        match flight.result {
            Some(Ok(())) | None => {}
            Some(Err(CommitFailure::Stale)) => {
                trace!(self.env, "coordinator {coordinator}: another has taken over; it ends");
                return self.kill_coordinator(coordinator);
            }
            Some(Err(CommitFailure::Unknown)) => return self.restore(coordinator),
        }
        life.proved = Some(flight.since);
        if self.coordinators[coordinator].crash == Some(CrashPoint::BeforeEffects) {
            return self.kill_coordinator(coordinator);
        }
        self.release(coordinator, flight.batch.effects);
        if let Some(span) = self.coordinators[coordinator].stalls.commit(flight.since, now.monotonic) {
            self.stalled(coordinator, now, span);
        }
        self.wake_coordinator(coordinator, self.env.now);
    }

    /// A commit has failed: everyone is sent away, and the store is read again.
    fn restore(&mut self, coordinator: usize) {
        trace!(self.env, "coordinator {coordinator}: a commit failed; its store is read again");
        self.dismiss(coordinator, true);
        self.coordinators[coordinator].life = None;
        self.look(Moment::LifeEnded { coordinator });
        let took = self.env.between(1_000, 50_000);
        self.env.after(took, Event::CoordinatorRestore(coordinator));
    }

    /// Everyone who waits is sent away.
    fn dismiss(&mut self, coordinator: usize, is_told: bool) {
        let found = &mut self.coordinators[coordinator];
        let lines = std::mem::take(&mut found.lines);
        let callers = std::mem::take(&mut found.callers);
        let watchers = std::mem::take(&mut found.watchers);
        for (_, stream) in lines {
            if is_told {
                self.close_stream(stream);
            }
        }
        for (_, call) in callers {
            self.fail_call(call);
        }
        for watcher in watchers.into_values().flatten() {
            self.watch_lost(watcher);
        }
        self.turn_away(coordinator);
    }

    /// What waits is turned away.
    fn turn_away(&mut self, coordinator: usize) {
        for message in std::mem::take(&mut self.coordinators[coordinator].inbox) {
            match message {
                Message::Input(_) => {}
                Message::Ask(call) => self.fail_call(call),
                Message::Open { stream, .. } => self.close_stream(stream),
            }
        }
    }

    /// A process is killed, and another is started after a while unless one is there.
    pub(crate) fn kill_coordinator(&mut self, coordinator: usize) {
        if self.coordinators[coordinator].standing == Standing::Dead {
            return;
        }
        trace!(self.env, "coordinator {coordinator}: is killed");
        self.env.trace.mix(&[0xdead, coordinator as u64]);
        self.end_flight(coordinator);
        self.dismiss(coordinator, false);
        let found = &mut self.coordinators[coordinator];
        found.standing = Standing::Dead;
        found.crash = None;
        found.inbox.clear();
        let had_life = found.life.take().is_some();
        if had_life {
            self.look(Moment::LifeEnded { coordinator });
        }
        // Its machine tells the other ends, or is gone with it.
        let is_told = !self.env.happens(250);
        let streams: Vec<u64> = self
            .net
            .streams
            .iter()
            .filter(|(_, stream)| stream.coordinator == coordinator)
            .map(|(id, _)| *id)
            .collect();
        for id in streams {
            if let Some(stream) = self.net.streams.get_mut(&id) {
                stream.is_coordinator_open = false;
                stream.door.clear();
            }
            if is_told {
                self.net.send_down(&mut self.env, id, Down::End);
            }
            self.net.tidy(id);
        }
        if self.active_coordinator().is_none() {
            let down = self.env.between(1_000, self.options.coordinator_down_max);
            self.plan_boot(down);
        }
    }

    /// A batch that is on its way when its process dies is there, or it is not.
    fn end_flight(&mut self, coordinator: usize) {
        let Some(life) = &mut self.coordinators[coordinator].life else { return };
        let epoch = life.stamp.epoch;
        let Some(flight) = life.flight.as_ref().filter(|flight| flight.result.is_none()) else { return };
        let is_there =
            self.env.rng_bool() && (self.disk.commit(epoch, &flight.batch.changes).is_ok() || self.disk.has_lied());
        if is_there {
            trace!(self.env, "coordinator {coordinator}: what was on its way to the store is there");
            self.note_durable(coordinator);
        }
    }

    /// A process stands still.
    pub(crate) fn freeze_coordinator(&mut self, coordinator: usize) {
        if self.coordinators[coordinator].is_running() {
            trace!(self.env, "coordinator {coordinator}: stands still");
            self.coordinators[coordinator].standing = Standing::Frozen;
        }
    }

    /// It goes on.
    pub(crate) fn thaw_coordinator(&mut self, coordinator: usize) {
        if self.coordinators[coordinator].standing == Standing::Frozen {
            trace!(self.env, "coordinator {coordinator}: goes on");
            self.coordinators[coordinator].standing = Standing::Running;
            self.hear_commit(coordinator);
            if self.coordinators[coordinator].is_running() && self.coordinators[coordinator].life.is_some() {
                self.coordinators[coordinator].wake_at = None;
                self.wake_coordinator(coordinator, self.env.now);
            }
        }
    }

    /// The process that new streams and questions come to.
    pub(crate) fn active_coordinator(&self) -> Option<usize> {
        let last = self.coordinators.len().checked_sub(1)?;
        (self.coordinators[last].standing != Standing::Dead).then_some(last)
    }

    pub(crate) fn on_report_stored(&mut self, coordinator: usize, run: RunId) {
        let report = muster_common::digest::Digest { hash: [run.0.to_le_bytes()[0]; 32], size_bytes: run.0 };
        self.tell(coordinator, Message::Input(Input::ReportStored { run, report }));
    }
}

/// The only store there is.
pub(crate) const STORE_ID: u128 = 0x5170;
const NO_SPACE_PAUSE: u64 = 1_000_000;
const RESTORE_PAUSE: u64 = 100_000;
