//! The file `muster.yml`: from text to a checked [`crate::spec::RunSpec`].
//!
//! Phases, each of which collects what it finds wrong before the next begins: bytes to a tree with places (`yaml`,
//! `node`), tree to a typed file (`parse`, `file`), the graph of its jobs (`graph`), and the lowering to a run
//! (`lower`), in which matrices are expanded (`matrix`) and every expression is checked (`scope`) and computed as far as
//! it can be (`texts`).
//!
//! Nothing in a file is ever ignored: what is not known or not supported is refused with its place.

mod compile;
mod diagnostic;
mod diagnostics;
pub mod expression;
mod file;
mod forms;
mod graph;
mod lower;
mod matrix;
mod node;
mod parse;
mod place;
mod schema;
mod scope;
mod suggestion;
mod texts;
mod words;
mod yaml;

pub use compile::{Source, compile};
pub use diagnostic::DiagnosticCode;
pub use diagnostics::{DiagnosticRecord, Diagnostics};
pub use lower::{CompileOptions, SingleTest, single_test};
pub use schema::{run_spec_schema, schema};
pub use suggestion::nearest;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read the files that they compare with")]
mod tests;
