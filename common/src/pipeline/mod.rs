//! The file `muster.yml`: from text to a checked [`crate::spec::RunSpec`].
//!
//! Three phases, each of which collects what it finds wrong before the next begins: text to a typed file with the
//! place of everything in it, the graph of its jobs, and the lowering to a run, in which matrices are expanded and
//! every expression is computed as far as it can be.
//!
//! Nothing in a file is ever ignored: what is not known or not supported is refused with its place.

pub mod expression;
mod suggestion;
