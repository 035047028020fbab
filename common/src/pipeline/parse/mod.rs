//! From a file's tree to the typed file. Whatever is wrong is collected; what is left is read all the same.

mod fields;
mod file;
mod job;
mod keys;
mod matrix;
mod step;
mod test;

pub(super) use file::file;
#[cfg(test)]
pub(super) use keys::TABLES;
