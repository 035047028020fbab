//! What people read: on a terminal a picture that moves, elsewhere lines now and then; failures at once and again at
//! the end.

mod block;
mod counters;
mod live;
mod reporter;
mod screen;
mod style;
mod summary;

pub(crate) use reporter::Human;
pub(crate) use style::outcome_word;
pub(crate) use summary::{quoted, summary};
