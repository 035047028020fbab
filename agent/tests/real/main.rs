//! The agent with real processes and real test runners.

mod cargo;
mod generic;
mod place;
mod process;
mod pytest;
mod runners;
mod unittest;
mod warm;
