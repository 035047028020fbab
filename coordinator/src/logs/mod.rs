//! Logs of attempts: append-only files beneath the data directory.
//!
//! A log belongs to one lease and lies in `logs/<run>/<job>-<token>-<stream>.log`, so that a folder is the index of its
//! run and needs nothing else to be found after a restart. Pieces come with their offset: one that was stored before is
//! acknowledged again and changes nothing, one that leaves a gap is refused. What is acknowledged is durable; readers see
//! nothing else.

mod append;
mod attempt;
mod growth;
mod read;
mod unended;

pub(crate) use append::{AppendError, Chunk, Logs};
pub(crate) use attempt::{Attempt, StreamName};
pub(crate) use read::ReadError;
pub(crate) use unended::Unended;
