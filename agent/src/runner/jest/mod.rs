//! Jest, on its own runner `jest-circus`, with a hook of ours between the two.
//!
//! Jest gets the job's arguments and finds the same configuration as alone. When it has read a test file, the hook names
//! its tests, and turns off those that are not wanted; so the list costs no test, and the choice is exact whatever a
//! title holds. Names are `<file> › <describe> › <test>`, as Jest shows them.

mod command;

pub(crate) use command::JEST;
