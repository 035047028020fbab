//! A deterministic simulation of the pure crates: one scheduler behind a simulated store, many real agent sessions, clients
//! and watchers, in virtual time. One seed decides everything.

pub mod agent;
pub mod disk;
pub mod history;
pub mod plan;
pub mod view;
pub mod workload;
