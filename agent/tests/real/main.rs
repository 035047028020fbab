//! The agent with real processes and real test runners.

mod cargo;
mod generic;
mod kept;
mod place;
mod process;
mod pytest;
mod runners;
mod unittest;
mod warm;
