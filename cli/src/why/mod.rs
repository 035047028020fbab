//! Why something waits, failed, or could not be run, and what to do next: the true answer, from what the coordinator says.

mod advice;
mod answer;
mod find;
mod target;
mod text;
mod tries;

pub(crate) use answer::{Answer, Known};
pub(crate) use find::subject;
pub(crate) use target::Target;
pub(crate) use text::told;
