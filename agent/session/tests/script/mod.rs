//! A session with a clock and a disk that a script drives.

mod read;
mod show;

use muster_common::control::FromAgent;
use muster_common::id::{AgentLife, AgentName, Epoch};
use muster_common::time::{Monotonic, Now};
use muster_session::{Config, Effect, Identity, Input, Restored, Session};

use read::{Command, Words};

/// A session under a script.
pub(crate) struct Script {
    config: Config,
    slots: u32,
    life: u64,
    now: Monotonic,
    session: Option<Session>,
    disk: Restored,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            config: Config { backoff_min: PAUSE, backoff_max: PAUSE, ..Config::default() },
            slots: 2,
            life: 0,
            now: Monotonic::default(),
            session: None,
            disk: Restored::default(),
        }
    }
}

impl Script {
    /// Carries out one line; returns what the session asked for, as text.
    pub(crate) fn feed(&mut self, line: &str) -> Result<Vec<String>, String> {
        let words = Words::new(line);
        match read::command(&words)? {
            Command::Config => {
                self.slots =
                    words.number("slots")?.map_or(self.slots, |slots| u32::try_from(slots).expect("few slots"));
                if let Some(tests) = words.number("prefetch")? {
                    self.config.prefetch_tests = usize::try_from(tests).expect("few tests");
                }
                if let Some(messages) = words.number("window")? {
                    self.config.window_messages = usize::try_from(messages).expect("few messages");
                }
                Ok(Vec::new())
            }
            Command::Start => {
                self.life += 1;
                let session = Session::restore(self.config.clone(), self.identity(), self.disk.clone());
                self.session = Some(session);
                Ok(self.step(Input::Deadline))
            }
            Command::At(millis) => Ok(self.advance(Monotonic::from_millis(millis))),
            Command::Input(input) => Ok(self.step(*input)),
        }
    }

    fn advance(&mut self, to: Monotonic) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(due) = self.session.as_ref().and_then(Session::next_deadline).filter(|due| *due <= to) {
            self.now = self.now.max(due);
            lines.push(format!("  {}", self.now));
            lines.extend(self.step(Input::Deadline));
        }
        self.now = to;
        lines
    }

    fn step(&mut self, input: Input) -> Vec<String> {
        let now = Now { monotonic: self.now, ..Now::default() };
        let session = self.session.as_mut().expect("a script begins with `start`");
        let effects = session.step(now, input);
        for effect in &effects {
            self.keep(effect);
        }
        effects.iter().map(|effect| format!("    {}", show::effect(effect))).collect()
    }

    fn keep(&mut self, effect: &Effect) {
        match effect {
            Effect::SpoolAppend { sequence, message } => {
                self.disk.messages.push((*sequence, FromAgent::clone(message)))
            }
            Effect::SpoolTrim { up_to } => self.disk.messages.retain(|(sequence, _)| sequence > up_to),
            Effect::SpoolOwner { store_id } => self.disk.store_id = Some(*store_id),
            Effect::Connect
            | Effect::Disconnect
            | Effect::Send { .. }
            | Effect::StartAttempt(_)
            | Effect::GiveBatch(_)
            | Effect::WithdrawTests { .. }
            | Effect::StopAttempt { .. }
            | Effect::Notice(_)
            | Effect::Exit => {}
        }
    }

    fn identity(&self) -> Identity {
        Identity {
            agent: AgentName("a".to_owned()),
            life: AgentLife(self.life),
            labels: [("os".to_owned(), "linux".to_owned())].into(),
            slots: self.slots,
            version: "0.1.0".to_owned(),
            features: Vec::new(),
        }
    }
}

/// The store and the life of the coordinator that scripts speak of unless they say otherwise.
const HOME: (u128, Epoch) = (7, Epoch(1));
/// A pause whose jitter is at most a half of it; scripts step over it with `at`.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
