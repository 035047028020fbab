//! `python -m unittest`, listed and run by a program of our own on unittest's loader, runner and result.
//!
//! The job's arguments are read by unittest itself. Names are unittest's ids, `module.Class.test`.

mod command;

pub(crate) use command::UNITTEST;
