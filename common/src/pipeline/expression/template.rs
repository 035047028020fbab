//! A text with expressions in it: `py-${{ matrix.python }}`.

use super::function::VALUE_BYTES_MAX;
use super::parser::parse;
use super::syntax::{Expression, ExpressionError, Place};

/// A text, cut into what is plain and what is to be computed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template<'t> {
    pub(crate) parts: Vec<Part<'t>>,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part<'t> {
    Plain(&'t str),
    /// An expression, and where it stands with its braces. Places within it are those of the whole text.
    Computed(Expression, Place),
}

impl<'t> Template<'t> {
    /// Cuts `text`. Places in errors are those of `text`.
    pub(crate) fn parse(text: &'t str) -> Result<Self, ExpressionError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(OPEN) {
            let open = at + found;
            if open > at {
                parts.push(Part::Plain(&text[at..open]));
            }
            let inner = open + OPEN.len();
            let Some(length) = length_before_close(&text[inner..]) else {
                let error = ExpressionError::new(open..inner, "this `${{` has no closing `}}`");
                return Err(error.help("a text that is meant to hold `${{` is written as `${{ '${{' }}`"));
            };
            let close = inner + length;
            let expression = parse(&text[inner..close]).map_err(|error| error.shifted(inner))?;
            at = close + CLOSE.len();
            parts.push(Part::Computed(shifted(expression, inner), open..at));
        }
        if at < text.len() {
            parts.push(Part::Plain(&text[at..]));
        }
        Ok(Self { parts })
    }

    /// `text` without the `${{ }}` around it, if they stand around all of it.
    pub(crate) fn unwrapped(text: &str) -> &str {
        let whole = text.trim();
        let inner = whole.strip_prefix(OPEN).and_then(|rest| {
            let length = length_before_close(rest)?;
            (length + CLOSE.len() == rest.len()).then(|| &rest[..length])
        });
        inner.unwrap_or(whole)
    }

    /// Whether `value`, put into a text, could make it hold a `${{` that its author did not write.
    pub(crate) fn could_be_misread(value: &str) -> bool {
        value.contains("{{") || value.ends_with('$') || value.ends_with("${") || value.starts_with('{')
    }

    /// An expression that stands for `value`, whatever it holds.
    pub(crate) fn quoted(value: &str) -> String {
        format!("${{{{ '{}' }}}}", value.replace('\'', "''"))
    }

    /// `text` such that it stands for itself where expressions are computed.
    pub(crate) fn escaped(text: &str) -> String {
        if text.contains(OPEN) { Self::quoted(text) } else { text.to_owned() }
    }

    /// The text with `computed` in the place of every expression.
    pub(crate) fn render(
        &self,
        mut computed: impl FnMut(&Expression) -> Result<String, ExpressionError>,
    ) -> Result<String, ExpressionError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Plain(plain) => text.push_str(plain),
                Part::Computed(expression, place) => {
                    text.push_str(&computed(expression)?);
                    if text.len() > VALUE_BYTES_MAX + SLACK {
                        let message = format!("the text up to here is longer than {VALUE_BYTES_MAX} bytes");
                        return Err(ExpressionError::new(place.clone(), message));
                    }
                }
            }
        }
        Ok(text)
    }
}

/// Length of the expression that `rest` begins with, up to the `}}` that closes it and is in no text.
fn length_before_close(rest: &str) -> Option<usize> {
    let mut is_in_text = false;
    let bytes = rest.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'\'' => is_in_text = !is_in_text,
            b'}' if !is_in_text && bytes.get(index + 1) == Some(&b'}') => return Some(index),
            _ => {}
        }
    }
    None
}

fn shifted(mut expression: Expression, offset: usize) -> Expression {
    shift(&mut expression, offset);
    expression
}

fn shift(expression: &mut Expression, offset: usize) {
    use super::syntax::{Kind, Segment};
    let move_place = |place: &mut Place| *place = place.start + offset..place.end + offset;
    move_place(&mut expression.place);
    match &mut expression.kind {
        Kind::Literal(_) | Kind::Context(_) => {}
        Kind::Access(base, segments) => {
            shift(base, offset);
            for segment in segments {
                match segment {
                    Segment::Key(_, place) | Segment::All(place) => move_place(place),
                    Segment::Index(index) => shift(index, offset),
                }
            }
        }
        Kind::Call(_, parts) | Kind::All(parts) | Kind::Any(parts) => {
            parts.iter_mut().for_each(|part| shift(part, offset));
        }
        Kind::Not(inner) => shift(inner, offset),
        Kind::Compare(_, left, right) => {
            shift(left, offset);
            shift(right, offset);
        }
    }
}

const OPEN: &str = "${{";
const CLOSE: &str = "}}";
/// Plain text around computed values is bounded by who hands it over; it must not make a short value fail.
const SLACK: usize = 1 << 20;
