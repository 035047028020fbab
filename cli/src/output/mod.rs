//! What a command shows: to people ([`human`]), to programs ([`json`]), and to whoever reads JUnit XML ([`junit`]).

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod reporter;
pub(crate) mod table;
pub(crate) mod text;

pub(crate) use reporter::{Connection, Preparation, Reporter};
