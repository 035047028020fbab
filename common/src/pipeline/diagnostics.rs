//! Everything that was found wrong with a file, and how it is shown.

use std::collections::BTreeSet;
use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::diagnostic::{Diagnostic, DiagnosticCode};
use super::place::Span;

/// What is wrong with a file: at least one thing. Shown as text with the lines in question by `Display` and
/// [`Diagnostics::render_coloured`], as data by [`Diagnostics::records`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    file: String,
    text: String,
    items: Vec<Diagnostic>,
    left_out: usize,
}

/// One thing that is wrong, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiagnosticRecord {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column just after the end.
    pub end_column: usize,
    /// Its kind.
    pub code: DiagnosticCode,
    /// What is wrong.
    pub message: String,
    /// What was expected there; may be empty.
    pub label: String,
    /// What to do.
    pub help: Vec<String>,
}

impl Diagnostics {
    /// In the order of the file, each once.
    pub(crate) fn new(file: &str, text: &str, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|item| item.span);
        let mut seen = BTreeSet::new();
        items.retain(|item| seen.insert((item.span, item.message.clone())));
        let left_out = items.len().saturating_sub(DIAGNOSTICS_MAX);
        items.truncate(DIAGNOSTICS_MAX);
        Self { file: file.chars().filter(|c| !c.is_control()).collect(), text: text.to_owned(), items, left_out }
    }

    /// Everything as data.
    #[must_use]
    pub fn records(&self) -> Vec<DiagnosticRecord> {
        self.items.iter().map(|item| self.record(item)).collect()
    }

    /// For a terminal, with ANSI colours.
    #[must_use]
    pub fn render_coloured(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut reports: Vec<String> = self.items.iter().map(|item| renderer.render(&[self.group(item)])).collect();
        if self.left_out > 0 {
            reports.push(format!("and {} more", self.left_out));
        }
        reports.join("\n\n")
    }

    fn group<'a>(&'a self, item: &'a Diagnostic) -> Group<'a> {
        let title = Level::ERROR.primary_title(item.message.as_str()).id(item.code.to_string());
        let snippet = self.snippet(item);
        let mut group = title.element(snippet);
        for help in &item.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }

    fn snippet<'a>(&'a self, item: &'a Diagnostic) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let also = item
            .also
            .iter()
            .map(|(span, label)| AnnotationKind::Context.span(self.within_text(*span)).label(label.as_str()));
        let mut primary = AnnotationKind::Primary.span(self.within_text(item.span));
        if let Some(label) = &item.label {
            primary = primary.label(label.as_str());
        }
        let text = if self.text.is_empty() { " " } else { self.text.as_str() };
        Snippet::source(text).path(self.file.as_str()).annotation(primary).annotations(also)
    }

    /// At least one character, on character boundaries, inside the text.
    fn within_text(&self, span: Span) -> std::ops::Range<usize> {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let end = self.text.ceil_char_boundary(span.end.clamp(start, self.text.len()));
        start..end
    }

    fn record(&self, item: &Diagnostic) -> DiagnosticRecord {
        let range = self.within_text(item.span);
        let (line, column) = self.line_and_column(range.start);
        let (end_line, end_column) = self.line_and_column(range.end);
        DiagnosticRecord {
            file: self.file.clone(),
            line,
            column,
            end_line,
            end_column,
            code: item.code,
            message: item.message.clone(),
            label: item.label.clone().unwrap_or_default(),
            help: item.help.clone(),
        }
    }

    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Diagnostics {}

/// More are counted, not shown.
const DIAGNOSTICS_MAX: usize = 20;
