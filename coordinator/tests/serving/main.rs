//! The coordinator over real sockets, with agents that follow a script.

mod agent;
mod fixture;
mod refusals;
mod runs;
