//! Tests of the scheduler as a whole: scripted scenarios with golden outputs, and random histories.
//!
//! - `scenarios`: runs every file of `tests/scenarios`, whose language `script` reads and `render` writes.
//! - `world`: a scheduler with its store, checked after every step.

mod render;
mod scenarios;
mod script;
mod words;
mod world;
