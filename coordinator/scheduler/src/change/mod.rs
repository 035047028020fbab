//! Changes of state that several inputs have in common, each with its writes and effects.

mod begin_job;
mod deal;
mod decide_test;
mod doubt_agent;
mod end_job;
mod end_lease;
mod end_run;
mod fence_agent;
mod grant;
mod keep_places;
mod open_early;
mod pick;
mod publish;
mod relieve;
mod remember;
mod select_tests;
mod settle;
mod stop_job;
mod tell_reasons;

pub(crate) use decide_test::Harm;
pub(crate) use stop_job::cancelled;
