//! From the bytes of a file to a run.

use super::diagnostic::Diagnostic;
use super::diagnostics::Diagnostics;
use super::graph::graph;
use super::lower::{CompileOptions, lower};
use super::parse;
use super::yaml::{text_of, tree_of};
use crate::spec::RunSpec;

/// A file: its name for messages, and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// As people know it, such as `muster.yml`.
    pub name: &'s str,
    /// Its content.
    pub bytes: &'s [u8],
}

/// The run that a pipeline file stands for, checked by [`crate::spec_check::check`]. The workspace is left for the caller
/// to set.
///
/// # Errors
/// With everything that is wrong with the file, in the order of the file.
pub fn compile(source: &Source<'_>, options: &CompileOptions) -> Result<RunSpec, Diagnostics> {
    let text = text_of(source.bytes).map_err(|diagnostic| {
        let shown = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(SHOWN_BYTES_MAX)]);
        Diagnostics::new(source.name, &shown, vec![diagnostic])
    })?;
    compile_text(text, options).map_err(|found| Diagnostics::new(source.name, text, found))
}

fn compile_text(text: &str, options: &CompileOptions) -> Result<RunSpec, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let tree = tree_of(text, &mut found).map_err(|diagnostic| vec![diagnostic])?;
    let file = parse::file(&tree, found)?;
    let graph = graph(&file)?;
    lower(&file, &graph, text, options)
}

/// Bytes of a file that cannot be read as text that are kept for messages.
const SHOWN_BYTES_MAX: usize = 64 << 10;
