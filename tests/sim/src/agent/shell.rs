//! The driver of an agent's session: what has arrived comes before what is due, as in the real one.

use muster_session::{Effect, Input, Work};

use super::News;
use super::attempt::Attempt;
use crate::event::Event;
use crate::history::Observation;
use crate::network::{Down, StreamId, Up};
use crate::trace::trace;
use crate::view::Moment;
use crate::world::World;

impl World {
    pub(crate) fn on_down(&mut self, id: StreamId) {
        let Some(arrived) = self.net.arrive_down(&mut self.env, id) else { return };
        let Some(stream) = self.net.streams.get_mut(&id).filter(|stream| stream.is_agent_open) else { return };
        let agent = stream.agent;
        let news = match arrived {
            Down::Accepted => News::Opened,
            Down::Message(stamp, message) => News::Message(stamp, message),
            Down::End => {
                stream.is_agent_open = false;
                News::Lost
            }
        };
        self.net.tidy(id);
        self.agents[agent].news.push_back((id, news));
        self.pump(agent);
    }

    pub(crate) fn on_agent_wake(&mut self, agent: usize) {
        let found = &mut self.agents[agent];
        if found.wake_at == Some(self.env.now) {
            found.wake_at = None;
            self.pump(agent);
        }
    }

    /// An attempt of the agent says something.
    pub(super) fn say(&mut self, agent: usize, work: Work) {
        self.agents[agent].work.push_back(work);
    }

    /// Takes in everything that waits, and what is due.
    pub(crate) fn pump(&mut self, agent: usize) {
        loop {
            if self.agents[agent].is_frozen || self.is_over() {
                return;
            }
            let Some(input) = self.next_input(agent) else { break };
            self.feed(agent, input);
        }
        self.arm_agent(agent);
    }

    fn next_input(&mut self, agent: usize) -> Option<Input> {
        let now = self.agents[agent].clock.read(self.env.now).monotonic;
        let session = self.agents[agent].session.as_ref()?;
        let is_due = session.next_deadline().is_some_and(|deadline| deadline <= now);
        let is_full = session.load().is_full;
        if let Some(input) = self.next_news(agent) {
            return Some(input);
        }
        if is_due {
            return Some(Input::Deadline);
        }
        if is_full {
            return None;
        }
        self.agents[agent].work.pop_front().map(Input::Work)
    }

    fn next_news(&mut self, agent: usize) -> Option<Input> {
        let found = &mut self.agents[agent];
        while let Some((stream, news)) = found.news.pop_front() {
            if found.stream != Some(stream) {
                continue;
            }
            return Some(match news {
                News::Opened => Input::LinkOpened,
                News::Message(stamp, message) => Input::Message { stamp, message },
                News::Lost => {
                    found.stream = None;
                    Input::LinkLost
                }
            });
        }
        None
    }

    fn arm_agent(&mut self, agent: usize) {
        let found = &mut self.agents[agent];
        let Some(deadline) = found.session.as_ref().and_then(muster_session::Session::next_deadline) else { return };
        let at = found.clock.when(deadline, self.env.now).max(self.env.now + 1);
        if found.wake_at.is_none_or(|armed| at < armed) {
            found.wake_at = Some(at);
            self.env.queue.push(at, Event::AgentWake(agent));
        }
    }

    pub(super) fn feed(&mut self, agent: usize, input: Input) {
        let now = self.agents[agent].clock.read(self.env.now);
        trace!(self.env, "agent {agent}: {input:?}");
        let found = &mut self.agents[agent];
        let Some(session) = &mut found.session else { return };
        let effects = session.step(now, input);
        found.lifeline = session.unrepeatable_until();
        self.env.steps += 1;
        if self.env.trace.is_kept() {
            for effect in &effects {
                trace!(self.env, "    {effect:?}");
            }
        }
        self.look(Moment::Session { agent, effects: &effects });
        for effect in effects {
            self.carry_out_for(agent, effect);
        }
    }

    fn carry_out_for(&mut self, agent: usize, effect: Effect) {
        match effect {
            Effect::Connect => self.connect(agent),
            Effect::Disconnect => self.disconnect(agent),
            Effect::Send { sequence, message } => {
                if let Some(stream) = self.agents[agent].stream {
                    self.net.send_up(&mut self.env, stream, Up::Message(sequence, message));
                }
            }
            Effect::StartAttempt(lease) => self.start_attempt(agent, *lease),
            Effect::GiveBatch(batch) => self.give_batch(agent, batch),
            Effect::WithdrawTests { shard, withdraw } => self.withdraw(agent, shard, &withdraw),
            Effect::StopAttempt { token, reason } => self.stop_attempt(agent, token, reason),
            Effect::SpoolAppend { sequence, message } => {
                self.agents[agent].spool.messages.push_back((sequence, *message));
            }
            Effect::SpoolTrim { up_to } => {
                let messages = &mut self.agents[agent].spool.messages;
                while messages.front().is_some_and(|(sequence, _)| *sequence <= up_to) {
                    messages.pop_front();
                }
            }
            Effect::SpoolOwner { store_id } => self.agents[agent].spool.owner = Some(store_id),
            Effect::Notice(_) => {}
            Effect::Exit => self.leave_for_good(agent),
        }
    }

    fn connect(&mut self, agent: usize) {
        let Some(coordinator) = self.active_coordinator() else {
            // Nobody listens; whether that is heard goes over the same line.
            let id = self.net.open(agent, usize::MAX);
            if let Some(stream) = self.net.streams.get_mut(&id) {
                stream.is_coordinator_open = false;
            }
            self.agents[agent].stream = Some(id);
            return self.net.send_down(&mut self.env, id, Down::End);
        };
        let id = self.net.open(agent, coordinator);
        self.agents[agent].stream = Some(id);
        if !self.net.lines[agent].is_up_blocked {
            self.net.send_down(&mut self.env, id, Down::Accepted);
        }
    }

    /// The agent ends its stream. What it has sent arrives before its end, or is lost with it.
    fn disconnect(&mut self, agent: usize) {
        let Some(id) = self.agents[agent].stream.take() else { return };
        self.drop_stream(id, true);
    }

    /// The agent's end of a stream is gone; perhaps nobody tells the other.
    pub(super) fn drop_stream(&mut self, id: StreamId, is_told: bool) {
        let is_cut = self.net.happens(300);
        let Some(stream) = self.net.streams.get_mut(&id) else { return };
        stream.is_agent_open = false;
        if is_cut {
            stream.up.cut();
        }
        if is_told {
            self.net.send_up(&mut self.env, id, Up::End);
        }
        self.net.tidy(id);
    }

    fn leave_for_good(&mut self, agent: usize) {
        trace!(self.env, "agent {agent}: has drained and leaves");
        self.env.note(Observation::AgentLeft { agent });
        if let Some(id) = self.agents[agent].stream.take() {
            self.drop_stream(id, true);
        }
        let found = &mut self.agents[agent];
        found.session = None;
        found.news.clear();
        found.work.clear();
        found.attempts = std::collections::BTreeMap::<_, Attempt>::new();
        if !found.has_departed {
            let pause = self.env.between(100_000, 5_000_000);
            self.env.after(pause, Event::AgentBoot(agent));
        }
    }
}
