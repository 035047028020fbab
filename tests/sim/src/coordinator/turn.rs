//! One turn of the driver: everything that waits is stepped, and sent on its way.

use std::time::Duration;

use muster_common::time::{Monotonic, Now};
use muster_scheduler::{Answer, Ask, Effect, Input};

use super::{CrashPoint, Flight, Message, Standing};
use crate::client::Question;
use crate::disk::Change;
use crate::event::Event;
use crate::trace::trace;
use crate::view::Moment;
use crate::world::World;

impl World {
    /// Hands a message to a coordinator's driver.
    pub(crate) fn tell(&mut self, coordinator: usize, message: Message) {
        let found = &mut self.coordinators[coordinator];
        if found.standing == Standing::Dead {
            return;
        }
        found.inbox.push_back(message);
        let delay = self.env.between(0, self.options.turn_delay_max);
        self.wake_coordinator(coordinator, self.env.now + delay);
    }

    /// Has a coordinator's driver wake at `at` at the latest.
    pub(crate) fn wake_coordinator(&mut self, coordinator: usize, at: u64) {
        let found = &mut self.coordinators[coordinator];
        if found.wake_at.is_none_or(|armed| at < armed) {
            found.wake_at = Some(at);
            self.env.queue.push(at, Event::Turn(coordinator));
        }
    }

    pub(crate) fn on_turn(&mut self, coordinator: usize) {
        let found = &mut self.coordinators[coordinator];
        if found.wake_at != Some(self.env.now) {
            return;
        }
        found.wake_at = None;
        if found.is_running() && found.life.is_some() {
            self.turn(coordinator);
        }
    }

    pub(crate) fn turn(&mut self, coordinator: usize) {
        let now = self.coordinators[coordinator].clock.read(self.env.now);
        if let Some(span) = self.coordinators[coordinator].stalls.turn(now.monotonic) {
            self.stalled(coordinator, now, span);
        }
        while self.has_room(coordinator) {
            let Some(message) = self.coordinators[coordinator].inbox.pop_front() else { break };
            self.take(coordinator, now, message);
            if self.is_over() {
                return;
            }
        }
        if self.is_deadline_due(coordinator, now.monotonic) {
            self.step(coordinator, now, Input::Deadline);
        }
        self.send_on(coordinator);
        if self.coordinators[coordinator].life.is_some() {
            let at = self.time_to_wake(coordinator);
            self.wake_coordinator(coordinator, at);
        }
    }

    fn has_room(&self, coordinator: usize) -> bool {
        self.coordinators[coordinator].life.as_ref().is_some_and(|life| life.gathered.has_room())
    }

    fn take(&mut self, coordinator: usize, now: Now, message: Message) {
        match message {
            Message::Input(input) => {
                if let Input::CloseSession { session } = &input {
                    self.coordinators[coordinator].lines.remove(session);
                }
                self.step(coordinator, now, input);
            }
            Message::Ask(call) => {
                let found = &mut self.coordinators[coordinator];
                let ask = Ask(found.next_ask);
                found.next_ask += 1;
                found.callers.insert(ask, call);
                let Some(question) = self.question_of(call) else { return };
                let input = self.input_of(ask, &question);
                self.step(coordinator, now, input);
                if let Question::Submit(plan) = question {
                    self.note_accepted(coordinator, ask, plan);
                }
            }
            Message::Open { stream, session, open } => {
                self.coordinators[coordinator].lines.insert(session, stream);
                self.step(coordinator, now, Input::OpenSession { session, open });
            }
        }
    }

    pub(crate) fn stalled(&mut self, coordinator: usize, now: Now, span: Duration) {
        trace!(self.env, "coordinator {coordinator}: was held up for {span:?}");
        self.step(coordinator, now, Input::Stalled { span });
    }

    pub(crate) fn step(&mut self, coordinator: usize, now: Now, input: Input) {
        if self.coordinators[coordinator].life.is_none() {
            return;
        }
        trace!(self.env, "coordinator {coordinator}: {input:?}");
        self.look(Moment::Stepping { coordinator, input: &input });
        let Some(life) = &mut self.coordinators[coordinator].life else { return };
        let step = life.scheduler.step(now, input);
        self.env.steps += 1;
        let muster_scheduler::Step { writes, effects } = step;
        let changes: Vec<Change> = writes.into_iter().map(Change::of).collect();
        if self.env.trace.is_kept() {
            for change in &changes {
                trace!(self.env, "    write {change:?}");
            }
            for effect in &effects {
                trace!(self.env, "    effect {effect:?}");
            }
        }
        for change in &changes {
            change.apply(&mut life.written);
        }
        self.look(Moment::Stepped { coordinator, changes: &changes, effects: &effects });
        if let Some(life) = &mut self.coordinators[coordinator].life {
            life.gathered.add(changes, effects);
        }
        if self.coordinators[coordinator].crash == Some(CrashPoint::AfterStep) {
            self.kill_coordinator(coordinator);
        }
    }

    /// Remembers which planned run it is that a submit has made.
    fn note_accepted(&mut self, coordinator: usize, ask: Ask, plan: usize) {
        let Some(life) = &mut self.coordinators[coordinator].life else { return };
        let submitted = life.gathered.effects.iter().rev().find_map(|effect| match effect {
            Effect::Answer { ask: of, answer: Answer::Submitted { run, is_duplicate: false } } if *of == ask => {
                Some(*run)
            }
            _ => None,
        });
        life.gathered.accepted.extend(submitted.map(|run| (run, plan)));
    }

    fn is_deadline_due(&self, coordinator: usize, now: Monotonic) -> bool {
        let found = &self.coordinators[coordinator];
        let Some(life) = &found.life else { return false };
        found.inbox.is_empty()
            && !is_held(found, now)
            && life.scheduler.next_deadline().is_some_and(|deadline| deadline <= now)
    }

    fn time_to_wake(&self, coordinator: usize) -> u64 {
        let found = &self.coordinators[coordinator];
        let tick = crate::env::micros(self.env.plan.scheduler.heartbeat / 2);
        let real = self.env.now;
        let Some(life) = &found.life else { return real + tick };
        if !found.inbox.is_empty() && life.gathered.has_room() {
            return real;
        }
        let now = found.clock.read(real).monotonic;
        if !found.inbox.is_empty() || !life.gathered.has_room() || is_held(found, now) {
            return real + tick;
        }
        life.scheduler
            .next_deadline()
            .map_or(real + tick, |deadline| found.clock.when(deadline, real).max(real + TIMER_GRAIN).min(real + tick))
    }

    /// Sends what was gathered to the store, if the store is idle; what has nothing to store needs only a proof that is
    /// young enough.
    pub(crate) fn send_on(&mut self, coordinator: usize) {
        let now = self.coordinators[coordinator].clock.read(self.env.now).monotonic;
        let proof_age_max = self.env.plan.scheduler.heartbeat;
        let Some(life) = &mut self.coordinators[coordinator].life else { return };
        if life.flight.is_some() || life.gathered.is_empty() {
            return;
        }
        let is_proved = life.proved.is_some_and(|proved| now.since(proved) <= proof_age_max);
        let batch = std::mem::take(&mut life.gathered);
        if is_proved && batch.changes.is_empty() {
            return self.release(coordinator, batch.effects);
        }
        self.send(coordinator, batch);
    }

    /// Sends a batch to the store.
    pub(crate) fn send(&mut self, coordinator: usize, batch: super::Batch) {
        let since = self.coordinators[coordinator].clock.read(self.env.now).monotonic;
        if let Some(life) = &mut self.coordinators[coordinator].life {
            life.flight = Some(Flight { since, batch, result: None });
        }
        let (low, high) = self.commit_micros;
        let took = self.env.between(low, high);
        self.env.after(took, Event::CommitDone(coordinator));
        if self.coordinators[coordinator].crash == Some(CrashPoint::InCommit) {
            self.kill_coordinator(coordinator);
        }
    }
}

fn is_held(found: &super::Coordinator, now: Monotonic) -> bool {
    let flight = found.life.as_ref().and_then(|life| life.flight.as_ref());
    flight.is_some_and(|flight| found.stalls.is_stalled(flight.since, now))
}

/// Timers are not finer than this.
const TIMER_GRAIN: u64 = 1_000;
