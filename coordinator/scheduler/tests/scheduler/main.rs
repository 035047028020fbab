//! Tests of the scheduler as a whole: scripted scenarios with golden outputs, and random histories.
//!
//! - `scenarios`: runs every file of `tests/scenarios`, whose language `script` reads and `render` writes.
//! - `histories`: random inputs, played by the model of a fleet in `fleet`.
//! - `alarms`: a rate of failures that rises over many runs.
//! - `damaged_rows`: what is refused when state is made from rows.
//! - `world`: a scheduler with its store, checked after every step.

#![expect(clippy::disallowed_methods, reason = "the scheduler is pure, its tests read files and settings")]

mod alarms;
mod damaged_rows;
mod fleet;
mod histories;
mod render;
mod scenarios;
mod script;
mod words;
mod world;
