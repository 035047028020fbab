//! Result files that runners leave, one format per file, and how they are found.

pub mod files;
pub mod junit;
