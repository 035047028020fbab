//! Reading mappings, texts, lists and numbers out of a tree, with an error for all that is not as expected.

use super::keys::Keys;
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::file::Texts;
use crate::pipeline::node::{Entry, Node, NodeKind, ScalarKind};
use crate::pipeline::place::{At, Span};
use crate::pipeline::suggestion::nearest;

/// Collects what is wrong while it reads.
pub(super) struct Reader {
    pub(super) found: Vec<Diagnostic>,
}

/// A mapping of which every key is known.
pub(super) struct Fields<'n> {
    /// Where it begins.
    pub(super) place: Span,
    entries: Vec<&'n Entry>,
}

impl<'n> Fields<'n> {
    /// What stands under `key`, once.
    pub(super) fn take(&mut self, key: &str) -> Option<&'n Entry> {
        let index = self.entries.iter().position(|entry| entry.key.value == key)?;
        Some(self.entries.remove(index))
    }
}

impl Reader {
    /// The mapping that `node` is, without the keys that `keys` does not know: those are reported.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, keys: &Keys) -> Option<Fields<'n>> {
        let entries = self.entries(node, keys.what, &format!("a mapping with {}", keys.needed))?;
        let mut taken = Vec::new();
        for entry in entries {
            if keys.known.contains(&entry.key.value.as_str()) {
                taken.push(entry);
            } else {
                self.found.push(unknown_key(&entry.key, keys));
            }
        }
        Some(Fields { place: node.span, entries: taken })
    }

    /// The entries of the mapping that `node` is.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str, expected: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            NodeKind::Map(entries) => Some(entries),
            NodeKind::Scalar(_) | NodeKind::List(_) => {
                self.wrong_type(node, what, expected);
                None
            }
        }
    }

    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str, expected: &str) -> Option<&'n [Node]> {
        match &node.kind {
            NodeKind::List(items) => Some(items),
            NodeKind::Scalar(_) | NodeKind::Map(_) => {
                self.wrong_type(node, what, expected);
                None
            }
        }
    }

    /// A text, or a number or flag as it is written.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<At<String>> {
        match &node.kind {
            NodeKind::Scalar(scalar) if !node.is_null() => Some(At::new(scalar.text.clone(), node.span)),
            NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Map(_) => {
                self.wrong_type(node, what, "a text");
                None
            }
        }
    }

    pub(super) fn optional_text(&mut self, entry: Option<&Entry>) -> Option<At<String>> {
        let entry = entry?;
        self.text(&self.placed(entry), &key_words(entry))
    }

    /// A text under a key that must be there.
    pub(super) fn needed_text(&mut self, entry: Option<&Entry>, key: &str, fields: &Missing<'_>) -> Option<At<String>> {
        if entry.is_none() {
            self.missing(key, fields);
        }
        self.optional_text(entry)
    }

    pub(super) fn needed_list(&mut self, entry: Option<&Entry>, key: &str, fields: &Missing<'_>) -> Vec<At<String>> {
        if entry.is_none() {
            self.missing(key, fields);
        }
        self.text_list(entry)
    }

    pub(super) fn missing(&mut self, key: &str, fields: &Missing<'_>) {
        let message = format!("{} has no `{key}`", fields.what);
        let diagnostic = Diagnostic::new(DiagnosticCode::MissingKey, fields.span, message);
        self.found.push(diagnostic.label(format!("expected the key `{key}`")));
    }

    /// One text or a list of texts.
    pub(super) fn text_list(&mut self, entry: Option<&Entry>) -> Vec<At<String>> {
        let Some(entry) = entry else { return Vec::new() };
        let what = key_words(entry);
        match &entry.value.kind {
            NodeKind::List(items) => {
                let item_words = format!("an item of {what}");
                items.iter().filter_map(|item| self.text(item, &item_words)).collect()
            }
            NodeKind::Scalar(_) if !entry.value.is_null() => self.text(&entry.value, &what).into_iter().collect(),
            NodeKind::Scalar(_) | NodeKind::Map(_) => {
                self.wrong_type(&self.placed(entry), &what, "a text or a list of texts");
                Vec::new()
            }
        }
    }

    /// A mapping of texts. A value that is not there is the empty text.
    pub(super) fn texts(&mut self, entry: Option<&Entry>) -> Texts {
        let Some(entry) = entry else { return Texts::new() };
        let what = key_words(entry);
        let node = self.placed(entry);
        let Some(entries) = self.entries(&node, &what, "a mapping of names to texts") else { return Texts::new() };
        let mut texts = Texts::new();
        for entry in entries {
            let value = if entry.value.is_null() {
                Some(At::new(String::new(), entry.key.span))
            } else {
                self.text(&entry.value, &format!("{what} {}", shown(&entry.key.value)))
            };
            if entry.key.value.is_empty() || entry.key.value.contains(['=', '\0']) {
                let message = format!("{} cannot be a name in {what}", shown(&entry.key.value));
                let diagnostic = Diagnostic::new(DiagnosticCode::BadValue, entry.key.span, message);
                self.found.push(diagnostic.label("expected a name without `=`"));
            }
            texts.extend(value.map(|value| (entry.key.clone(), value)));
        }
        texts
    }

    pub(super) fn flag(&mut self, entry: Option<&Entry>) -> Option<At<bool>> {
        let entry = entry?;
        match &entry.value.kind {
            NodeKind::Scalar(scalar) if matches!(scalar.kind, ScalarKind::Bool(_)) => {
                Some(At::new(scalar.kind == ScalarKind::Bool(true), entry.value.span))
            }
            NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Map(_) => {
                self.wrong_type(&self.placed(entry), &key_words(entry), "`true` or `false`");
                None
            }
        }
    }

    pub(super) fn count(&mut self, entry: Option<&Entry>, least: u32, most: u32) -> Option<At<u32>> {
        let entry = entry?;
        let expected = format!("a whole number from {least} to {most}");
        let NodeKind::Scalar(scalar) = &entry.value.kind else {
            self.wrong_type(&self.placed(entry), &key_words(entry), &expected);
            return None;
        };
        if !matches!(scalar.kind, ScalarKind::Number(_)) {
            self.wrong_type(&self.placed(entry), &key_words(entry), &expected);
            return None;
        }
        match scalar.text.parse() {
            Ok(number) if (least..=most).contains(&number) => Some(At::new(number, entry.value.span)),
            Ok(_) | Err(_) => {
                let message = format!("{} must be {expected}", key_words(entry));
                self.found.push(
                    Diagnostic::new(DiagnosticCode::BadValue, entry.value.span, message)
                        .label(format!("found {}", shown(&scalar.text))),
                );
                None
            }
        }
    }

    /// Names that expressions can use: letters, digits, `-` and `_`.
    pub(super) fn check_identifier(&mut self, name: &At<String>, what: &str) {
        let text = &name.value;
        let is_good = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_good {
            let message = format!("{} cannot be the name of {what}", shown(text));
            self.found.push(
                Diagnostic::new(DiagnosticCode::BadValue, name.span, message)
                    .label("expected a letter or `_`, then letters, digits, `-` and `_`")
                    .help("what people see may be anything: put it into `name`"),
            );
        }
    }

    pub(super) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        let found = node.kind_words();
        let message = format!("{what} must be {expected}");
        let label = format!("expected {expected}, found {found}");
        self.found.push(Diagnostic::new(DiagnosticCode::WrongType, node.span, message).label(label));
    }

    /// The value under a key; where it is nothing, at the place of the key.
    #[expect(clippy::unused_self, reason = "reads with its siblings")]
    fn placed(&self, entry: &Entry) -> Node {
        let mut node = entry.value.clone();
        if node.is_null() {
            node.span = entry.key.span;
        }
        node
    }
}

/// What a missing key is reported for.
pub(super) struct Missing<'a> {
    pub(super) what: &'a str,
    pub(super) span: Span,
}

fn key_words(entry: &Entry) -> String {
    shown(&entry.key.value)
}

fn unknown_key(key: &At<String>, keys: &Keys) -> Diagnostic {
    let word = key.value.as_str();
    if let Some((_, reason)) = keys.refused.iter().find(|(refused, _)| *refused == word) {
        let message = format!("`{word}` is not supported in {}", keys.what);
        return Diagnostic::new(DiagnosticCode::Unsupported, key.span, message).help(*reason);
    }
    let message = format!("unknown key {} in {}", shown(word), keys.what);
    let diagnostic = Diagnostic::new(DiagnosticCode::UnknownKey, key.span, message);
    match nearest(word, keys.known.iter().copied()) {
        Some(meant) => diagnostic.label("not a key of this mapping").help(format!("did you mean `{meant}`?")),
        None => diagnostic.label(format!("expected one of: {}", keys.known.join(", "))),
    }
}
