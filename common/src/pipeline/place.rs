//! Where in a file something stands.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// A stretch of a file's text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl Span {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

impl<T> At<T> {
    pub(crate) const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// In the schema a value is what it is without its place.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Where the part `place` of a text stands in the file, if the text stands there as it is, line by line; else where the
/// text begins.
pub(crate) fn part_of(source: &str, text: &At<String>, place: &std::ops::Range<usize>) -> Span {
    let written = &source[text.span.start..text.span.end];
    let value = text.value.as_str();
    if let Some(offset) = written.find(value) {
        let start = text.span.start + offset;
        return Span::new(start + place.start, start + place.end);
    }
    let line_start = value[..place.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = value[place.start..].find('\n').map_or(value.len(), |newline| place.start + newline);
    let line = &value[line_start..line_end];
    let nth = value[..line_start].lines().filter(|other| other.contains(line)).count();
    let found = written.match_indices(line).filter(|_| !line.is_empty()).nth(nth);
    match found {
        Some((offset, _)) => {
            let start = text.span.start + offset;
            let end = place.end.min(line_end).max(place.start);
            Span::new(start + (place.start - line_start), start + (end - line_start))
        }
        None => first_line(source, text.span),
    }
}

/// The part of `span` that stands on its first line.
pub(crate) fn first_line(source: &str, span: Span) -> Span {
    let written = &source[span.start..span.end];
    let length = written.find('\n').unwrap_or(written.len());
    Span::new(span.start, span.start + written[..length].trim_end().len())
}
