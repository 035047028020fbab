//! Playwright Test, with a reporter of ours.
//!
//! Playwright gets the job's arguments and finds the same configuration as alone; the wanted tests are chosen by `--grep`
//! over their whole titles. Names are `[project] › <file> › <title> › <title>`, as Playwright shows them but for line and
//! column, which move; the project only where it has a name.

mod command;

pub(crate) use command::PLAYWRIGHT;
