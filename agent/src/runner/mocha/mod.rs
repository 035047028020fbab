//! Mocha, with a reporter of ours that chooses before it reports.
//!
//! Mocha gets the job's arguments and loads the same files as alone. Before the run begins, the reporter names the tests, and
//! takes out those that are not wanted. Names are `<file> > <suite> > <test>`.

mod command;

pub(crate) use command::MOCHA;
