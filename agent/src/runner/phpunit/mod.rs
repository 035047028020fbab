//! PHPUnit 9 and newer.
//!
//! PHPUnit gets the job's arguments and finds the same configuration as alone; the wanted tests are chosen by `--filter`, and
//! it reports in TeamCity's form while it runs. A test that depends on another brings that one along. Names are
//! `<class>::<method>`, with `with data set …` after it where there is one.

mod list;
mod output;
mod runner;

pub use runner::Phpunit;
