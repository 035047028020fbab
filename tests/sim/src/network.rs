//! Streams between agents and coordinators: what is sent arrives in order, late, or not at all.

use std::collections::{BTreeMap, VecDeque};

use muster_common::control::{FromAgent, Stamp, ToAgent};
use muster_common::id::SessionId;
use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::env::{Env, chance};
use crate::event::Event;

/// A stream's number.
pub(crate) type StreamId = u64;

/// All streams, and how the lines are that they go over.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) streams: BTreeMap<StreamId, Stream>,
    pub(crate) lines: Vec<Line>,
    next_stream: StreamId,
    rng: SmallRng,
    /// What a message takes at least, and at most beyond that.
    latency: (u64, u64),
}

/// The line between one agent's machine and the coordinator's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Line {
    /// Nothing gets from the agent to the coordinator.
    pub(crate) is_up_blocked: bool,
    /// Nothing gets from the coordinator to the agent.
    pub(crate) is_down_blocked: bool,
    /// What a message takes more than usual, at most.
    pub(crate) extra: u64,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) agent: usize,
    pub(crate) coordinator: usize,
    pub(crate) session: Option<SessionId>,
    pub(crate) is_agent_open: bool,
    pub(crate) is_coordinator_open: bool,
    pub(crate) up: Lane<Up>,
    pub(crate) down: Lane<Down>,
    /// Messages that wait for what they carry to be stored.
    pub(crate) door: VecDeque<(u64, FromAgent)>,
    /// Whether it is broken: nothing that is sent arrives any more.
    pub(crate) is_cut: bool,
    /// Whether the agent's end has been seen, so that nothing more comes after what waits at the door.
    pub(crate) has_ended: bool,
}

/// One direction of a stream.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    queue: VecDeque<(u64, T)>,
    last_due: u64,
    is_armed: bool,
}

/// What goes to a coordinator.
#[derive(Clone, Debug)]
pub(crate) enum Up {
    Message(u64, Box<FromAgent>),
    End,
}

/// What goes to an agent.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    Accepted,
    Message(Stamp, Box<ToAgent>),
    End,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), last_due: 0, is_armed: false }
    }
}

impl<T> Lane<T> {
    /// Takes the next thing that has arrived by `now`.
    pub(crate) fn pop(&mut self, now: u64) -> Option<T> {
        if self.queue.front()?.0 > now {
            return None;
        }
        self.queue.pop_front().map(|(_, what)| what)
    }

    /// What was under way gets lost.
    pub(crate) fn cut(&mut self) {
        self.queue.clear();
    }
}

impl Network {
    pub(crate) fn new(seed: u64, agents: usize) -> Self {
        let mut rng = chance(seed, "network");
        let low = rng.random_range(20..2_000);
        let high =
            if rng.random_range(0..4) == 0 { rng.random_range(1_000..300_000) } else { rng.random_range(10..2_000) };
        Self {
            streams: BTreeMap::new(),
            lines: vec![Line::default(); agents],
            next_stream: 1,
            rng,
            latency: (low, high),
        }
    }

    /// What one message takes on a line.
    pub(crate) fn latency(&mut self, line: Option<usize>) -> u64 {
        let extra = line.map_or(0, |line| self.lines[line].extra);
        let (low, more) = self.latency;
        low + self.rng.random_range(0..=more) + if extra == 0 { 0 } else { self.rng.random_range(0..=extra) }
    }

    /// Whether something happens on the network that happens so many times in a thousand.
    pub(crate) fn happens(&mut self, permille: u32) -> bool {
        permille > 0 && self.rng.random_range(0..1_000) < permille
    }

    pub(crate) fn open(&mut self, agent: usize, coordinator: usize) -> StreamId {
        let id = self.next_stream;
        self.next_stream += 1;
        let stream = Stream {
            agent,
            coordinator,
            session: None,
            is_agent_open: true,
            is_coordinator_open: true,
            up: Lane::default(),
            down: Lane::default(),
            door: VecDeque::new(),
            is_cut: false,
            has_ended: false,
        };
        self.streams.insert(id, stream);
        id
    }

    pub(crate) fn send_up(&mut self, env: &mut Env, id: StreamId, what: Up) {
        if self.streams.get(&id).is_some_and(|stream| !stream.is_cut) {
            self.send_end_up(env, id, what);
        }
    }

    /// Sends also on a broken stream: its end.
    pub(crate) fn send_end_up(&mut self, env: &mut Env, id: StreamId, what: Up) {
        let Some(agent) = self.streams.get(&id).map(|stream| stream.agent) else { return };
        let latency = self.latency(Some(agent));
        let is_blocked = self.lines[agent].is_up_blocked;
        if let Some(stream) = self.streams.get_mut(&id) {
            put(env, &mut stream.up, latency, what, is_blocked, Event::Up(id));
        }
    }

    pub(crate) fn send_down(&mut self, env: &mut Env, id: StreamId, what: Down) {
        if self.streams.get(&id).is_some_and(|stream| !stream.is_cut) {
            self.send_end_down(env, id, what);
        }
    }

    /// Sends also on a broken stream: its end.
    pub(crate) fn send_end_down(&mut self, env: &mut Env, id: StreamId, what: Down) {
        let Some(agent) = self.streams.get(&id).map(|stream| stream.agent) else { return };
        let latency = self.latency(Some(agent));
        let is_blocked = self.lines[agent].is_down_blocked;
        if let Some(stream) = self.streams.get_mut(&id) {
            put(env, &mut stream.down, latency, what, is_blocked, Event::Down(id));
        }
    }

    /// The next message for a coordinator that has arrived; arms the next moment.
    pub(crate) fn arrive_up(&mut self, env: &mut Env, id: StreamId) -> Option<Up> {
        let stream = self.streams.get_mut(&id)?;
        let is_blocked = self.lines[stream.agent].is_up_blocked;
        take(env, &mut stream.up, is_blocked, Event::Up(id))
    }

    /// The next message for an agent that has arrived; arms the next moment.
    pub(crate) fn arrive_down(&mut self, env: &mut Env, id: StreamId) -> Option<Down> {
        let stream = self.streams.get_mut(&id)?;
        let is_blocked = self.lines[stream.agent].is_down_blocked;
        take(env, &mut stream.down, is_blocked, Event::Down(id))
    }

    /// Blocks or frees a line; what waited goes on.
    pub(crate) fn set_blocked(&mut self, env: &mut Env, agent: usize, is_up_blocked: bool, is_down_blocked: bool) {
        self.lines[agent].is_up_blocked = is_up_blocked;
        self.lines[agent].is_down_blocked = is_down_blocked;
        for (id, stream) in self.streams.iter_mut().filter(|(_, stream)| stream.agent == agent) {
            if !is_up_blocked {
                arm(env, &mut stream.up, Event::Up(*id));
            }
            if !is_down_blocked {
                arm(env, &mut stream.down, Event::Down(*id));
            }
        }
    }

    /// Forgets a stream of which nothing is left.
    pub(crate) fn tidy(&mut self, id: StreamId) {
        let is_over = self
            .streams
            .get(&id)
            .is_some_and(|stream| !stream.is_agent_open && !stream.is_coordinator_open && stream.door.is_empty());
        if is_over {
            self.streams.remove(&id);
        }
    }
}

fn put<T>(env: &mut Env, lane: &mut Lane<T>, latency: u64, what: T, is_blocked: bool, event: Event) {
    lane.last_due = lane.last_due.max(env.now + latency);
    lane.queue.push_back((lane.last_due, what));
    if !is_blocked {
        arm(env, lane, event);
    }
}

fn take<T>(env: &mut Env, lane: &mut Lane<T>, is_blocked: bool, event: Event) -> Option<T> {
    lane.is_armed = false;
    if is_blocked {
        return None;
    }
    let taken = lane.pop(env.now);
    arm(env, lane, event);
    taken
}

fn arm<T>(env: &mut Env, lane: &mut Lane<T>, event: Event) {
    if lane.is_armed {
        return;
    }
    if let Some((due, _)) = lane.queue.front() {
        lane.is_armed = true;
        let at = (*due).max(env.now);
        env.queue.push(at, event);
    }
}
