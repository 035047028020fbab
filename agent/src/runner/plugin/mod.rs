//! Runners that take a plugin: a small program in the runner's own language that lists its tests, runs exactly the wanted
//! ones, and reports each as it happens.
//!
//! The plugin is written into a private folder. It is told what to do by variables, which it removes before a test sees
//! them, and reports through a pipe (when it lists: into a file), one JSON object a line:
//!
//! | variable | is |
//! |---|---|
//! | `MUSTER_EVENTS` | where to report |
//! | `MUSTER_TESTS` | a file with a JSON list of names: run these and end |
//! | `MUSTER_BATCHES` | a pipe with the path of such a file on each line: run one after the other, say `done` after each, end with the pipe |
//! | neither | list |
//!
//! `event` is what it reports, `tool` what is particular to a runner, `runner` all else.

pub(crate) mod event;
mod feed;
mod idle;
mod list;
pub(crate) mod runner;
pub(crate) mod tool;

pub(crate) use runner::PluginRunner;
