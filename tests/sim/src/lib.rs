//! A deterministic simulation of the pure crates: one scheduler behind a simulated store, many real agent sessions, clients
//! and watchers, in virtual time. One seed decides everything.

pub mod agent;
pub mod check;
mod client;
mod clock;
mod coordinator;
pub mod defects;
pub mod disk;
mod env;
mod event;
pub mod false_green;
mod fault;
pub mod flakiness;
pub mod history;
mod idealised;
pub mod listing;
pub mod makespan;
pub mod model;
mod network;
pub mod plan;
mod queue;
pub mod regressions;
pub mod runner;
pub mod trace;
pub mod view;
mod watcher;
pub mod workload;
mod world;

pub use world::Violation;
