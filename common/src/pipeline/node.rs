//! A YAML document as a tree with the place of everything in it, before it is known what it means.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::diagnostic::{Diagnostic, DiagnosticCode, shown};
use super::place::{At, Span};

/// A part of a document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file; every key once.
    Map(Vec<Entry>),
}

/// A single value.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// As it is written, without quotes; nothing for nothing.
    pub(super) text: String,
    pub(super) kind: ScalarKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ScalarKind {
    Null,
    Bool(bool),
    Number(f64),
    Text,
}

/// A key and what stands under it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: At<String>,
    pub(super) value: Node,
}

impl Node {
    /// Words for messages: "a list".
    pub(super) const fn kind_words(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => "nothing",
                ScalarKind::Bool(_) => "true or false",
                ScalarKind::Number(_) => "a number",
                ScalarKind::Text => "a text",
            },
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a mapping",
        }
    }

    pub(super) const fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar(Scalar { kind: ScalarKind::Null, .. }))
    }
}

/// What the YAML reader hands over.
pub(super) struct Raw(Spanned<RawKind>);

enum RawKind {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl Raw {
    /// The tree with places in `source`. Keys that stand twice are reported and left out.
    pub(super) fn into_node(self, source: &str, found: &mut Vec<Diagnostic>) -> Node {
        let Spanned { value, referenced, defined } = self.0;
        let span = span_of(referenced, source);
        let kind = match value {
            RawKind::Null => scalar(String::new(), ScalarKind::Null),
            RawKind::Bool(value) => scalar(written(source, defined, value.to_string()), ScalarKind::Bool(value)),
            RawKind::Number(value) => scalar(written(source, defined, value.to_string()), ScalarKind::Number(value)),
            RawKind::Text(text) => scalar(text, ScalarKind::Text),
            RawKind::List(items) => {
                NodeKind::List(items.into_iter().map(|item| item.into_node(source, found)).collect())
            }
            RawKind::Map(entries) => NodeKind::Map(into_entries(entries, source, found)),
        };
        Node { span: container_span(span, &kind), kind }
    }
}

fn scalar(text: String, kind: ScalarKind) -> NodeKind {
    NodeKind::Scalar(Scalar { text, kind })
}

/// What the author wrote, such as `1.10` for a number; `otherwise`, if that cannot be found.
fn written(source: &str, defined: Location, otherwise: String) -> String {
    let span = span_of(defined, source);
    let text = source[span.start..span.end].trim();
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '!' | '&')) {
        return otherwise;
    }
    text.to_owned()
}

fn into_entries(raw: Vec<(Raw, Raw)>, source: &str, found: &mut Vec<Diagnostic>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: BTreeMap<String, Span> = BTreeMap::new();
    for (key, value) in raw {
        let key = key.into_node(source, found);
        let value = value.into_node(source, found);
        let Some(text) = key_text(&key) else {
            let message = format!("a key must be a text, found {}", key.kind_words());
            found.push(Diagnostic::new(DiagnosticCode::WrongType, key.span, message));
            continue;
        };
        if let Some(first) = places.get(&text) {
            let message = format!("the key {} stands twice", shown(&text));
            found.push(
                Diagnostic::new(DiagnosticCode::Duplicate, key.span, message)
                    .label("second time")
                    .also(*first, "first time")
                    .help("keep one of them"),
            );
            continue;
        }
        places.insert(text.clone(), key.span);
        entries.push(Entry { key: At::new(text, key.span), value });
    }
    entries
}

fn key_text(key: &Node) -> Option<String> {
    match &key.kind {
        NodeKind::Scalar(scalar) if !key.is_null() => Some(scalar.text.clone()),
        NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Map(_) => None,
    }
}

/// A list or mapping is pointed at by its first part.
fn container_span(span: Span, kind: &NodeKind) -> Span {
    let first = match kind {
        NodeKind::Scalar(_) => None,
        NodeKind::List(items) => items.first().map(|item| item.span),
        NodeKind::Map(entries) => entries.first().map(|entry| entry.key.span),
    };
    match first {
        Some(first) if first.start >= span.start && span.start == span.end => first,
        _ => span,
    }
}

pub(super) fn span_of(location: Location, source: &str) -> Span {
    let span = location.span();
    let start = span.byte_offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0).min(source.len());
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let start = source.floor_char_boundary(start);
    let end = source.ceil_char_boundary(start.saturating_add(length).min(source.len()));
    let trimmed = source[start..end].trim_end().len();
    Span::new(start, start + trimmed)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawKind;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawKind, E> {
        Ok(RawKind::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "the written text is kept beside the number")]
    fn visit_i64<E>(self, value: i64) -> Result<RawKind, E> {
        Ok(RawKind::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "the written text is kept beside the number")]
    fn visit_u64<E>(self, value: u64) -> Result<RawKind, E> {
        Ok(RawKind::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawKind, E> {
        Ok(RawKind::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawKind, E> {
        Ok(RawKind::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<RawKind, E> {
        Ok(RawKind::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawKind, A::Error> {
        let mut raw = Vec::new();
        while let Some(item) = items.next_element()? {
            raw.push(item);
        }
        Ok(RawKind::List(raw))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawKind, A::Error> {
        let mut raw = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            raw.push(entry);
        }
        Ok(RawKind::Map(raw))
    }
}
