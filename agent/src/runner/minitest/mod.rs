//! Minitest 5 and 6, loaded and run by a program of ours.
//!
//! Minitest has no command of its own: the arguments are test files as patterns (by default `test/**/*_test.rb` and
//! `test/**/test_*.rb`), `-I folder` and `-r library` for Ruby. Names are `<class>#<method>`.

mod command;

pub(crate) use command::MINITEST;
