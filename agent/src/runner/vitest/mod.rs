//! Vitest from version 2 on, by its own interface for programs, with a test runner of ours on top of its own.
//!
//! Vitest gets the job's arguments and finds the same configuration as alone. When it has read a test file, our runner
//! names its tests, and turns off those that are not wanted; so the list costs no test, and the choice is exact whatever a
//! title holds. Names are `<file> > <suite> > <test>`, as Vitest shows them, with `|project| ` before it where the project
//! has a name.

mod command;

pub(crate) use command::VITEST;
