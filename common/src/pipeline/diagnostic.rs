//! One thing that is wrong with a file.

use std::fmt;

use serde::Serialize;

use super::place::Span;

/// What is wrong, where, what was expected, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) code: DiagnosticCode,
    /// What is wrong; lower case, no full stop.
    pub(crate) message: String,
    pub(crate) span: Span,
    /// Stands at the place itself: what was expected there.
    pub(crate) label: Option<String>,
    /// Other places that have to do with it.
    pub(crate) also: Vec<(Span, String)>,
    /// What to write instead.
    pub(crate) help: Vec<String>,
}

/// The kinds of things that can be wrong. Their texts are part of the interface: added to, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiagnosticCode {
    /// The file is not UTF-8.
    NotUtf8,
    /// The file, or what it stands for, is too large.
    TooLarge,
    /// The file holds nothing.
    Empty,
    /// The text is not YAML.
    Syntax,
    /// A tab stands where YAML takes spaces only.
    Tab,
    /// A key is not known.
    UnknownKey,
    /// A key or a value has a meaning in GitHub Actions that Muster does not support.
    Unsupported,
    /// A value is of another kind than expected.
    WrongType,
    /// A value is of the right kind but cannot be used.
    BadValue,
    /// A key that is needed is missing.
    MissingKey,
    /// A key or a name stands twice.
    Duplicate,
    /// A job, step, artifact, variable or output that is named does not exist, or not there.
    UnknownName,
    /// Jobs need each other in a circle.
    Cycle,
    /// An expression cannot be read or computed.
    Expression,
}

impl Diagnostic {
    pub(crate) fn new(code: DiagnosticCode, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, label: None, also: Vec::new(), help: Vec::new() }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Help of the form "did you mean", if there is a likely word.
    pub(crate) fn did_you_mean(self, word: Option<&str>) -> Self {
        match word {
            Some(word) => self.help(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not-utf8",
            Self::TooLarge => "too-large",
            Self::Empty => "empty",
            Self::Syntax => "syntax",
            Self::Tab => "tab",
            Self::UnknownKey => "unknown-key",
            Self::Unsupported => "unsupported",
            Self::WrongType => "wrong-type",
            Self::BadValue => "bad-value",
            Self::MissingKey => "missing-key",
            Self::Duplicate => "duplicate",
            Self::UnknownName => "unknown-name",
            Self::Cycle => "cycle",
            Self::Expression => "expression",
        })
    }
}

/// A text from a file, fit to stand in a message: in backticks, on one line, not too long, nothing invisible.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(visible).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn visible(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

const SHOWN_CHARS_MAX: usize = 60;
