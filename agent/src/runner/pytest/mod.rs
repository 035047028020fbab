//! `python -m pytest`, listed and run through a small plugin.
//!
//! Pytest gets the job's arguments word for word, so that it finds the same root, configuration and plugins as alone; the
//! plugin reads the wanted names from a file, keeps collection to their files, and reports through a pipe, test by test.
//! One process of pytest serves batch after batch. Names are pytest's node ids; see the plugin for the few that are
//! written differently.

mod command;

pub(crate) use command::PYTEST;
