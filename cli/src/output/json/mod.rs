//! What programs read: one event a line, and lists. The names are published in `docs/reference/json-events.md`: added
//! to, never renamed.

#[cfg(test)]
mod documented;
mod event;
mod list;
mod reporter;
mod words;

pub(crate) use list::{AgentJson, RunJson};
pub(crate) use reporter::Json;
pub(crate) use words::{agent_word, outcome_word, state_word, try_word, verdict_word};
