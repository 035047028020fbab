//! A deterministic simulation of the pure crates: one scheduler behind a simulated store, many real agent sessions, clients
//! and watchers, in virtual time. One seed decides everything.

pub mod plan;
