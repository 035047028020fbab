//! What a command shows: to people ([`human`]), to programs ([`json`]), to CI systems ([`ci`], [`markdown`]), and to
//! whoever reads JUnit XML ([`junit`]) or the Common Test Report Format ([`ctrf`]).

pub(crate) mod ci;
pub(crate) mod ctrf;
pub(crate) mod file;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod location;
pub(crate) mod markdown;
pub(crate) mod reporter;
#[cfg(test)]
pub(crate) mod schema_check;
pub(crate) mod table;
pub(crate) mod text;

pub(crate) use reporter::{Connection, Preparation, Reporter};
