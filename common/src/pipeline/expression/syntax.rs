//! The parsed form of an expression, and what may be wrong with one.

use std::ops::Range;

use super::names::{ContextName, Function};
use super::value::Value;

/// Where in its text a part of an expression stands, in bytes.
pub(crate) type Place = Range<usize>;

/// An expression with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Literal(Value),
    /// A whole context, such as `matrix`.
    Context(ContextName),
    /// A value, then the way into it: `steps.build.outputs['path']`. The way is not empty.
    Access(Box<Expression>, Vec<Segment>),
    Call(Function, Vec<Expression>),
    Not(Box<Expression>),
    /// `a && b && c`; at least two.
    All(Vec<Expression>),
    /// `a || b || c`; at least two.
    Any(Vec<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    /// `.name`
    Key(String, Place),
    /// `[…]`
    Index(Expression),
    /// `.*` or `[*]`: all values of an object, all items of an array.
    All(Place),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, lower case.
    pub message: String,
    /// Where in the text that was given.
    pub place: Range<usize>,
    /// What to write instead, if there is something to suggest.
    pub help: Option<String>,
}

impl ExpressionError {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { message: message.into(), place, help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error in a text in which the expression begins at `offset`.
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.place = self.place.start + offset..self.place.end + offset;
        self
    }
}

impl Expression {
    pub(crate) const fn literal(value: Value, place: Place) -> Self {
        Self { place, kind: Kind::Literal(value) }
    }

    /// Calls `visit` for this expression and all within it, outer ones first.
    pub(crate) fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Self)) {
        visit(self);
        match &self.kind {
            Kind::Literal(_) | Kind::Context(_) => {}
            Kind::Access(base, segments) => {
                base.walk(visit);
                for segment in segments {
                    match segment {
                        Segment::Index(index) => index.walk(visit),
                        Segment::Key(..) | Segment::All(_) => {}
                    }
                }
            }
            Kind::Call(_, parts) | Kind::All(parts) | Kind::Any(parts) => {
                parts.iter().for_each(|part| part.walk(visit))
            }
            Kind::Not(inner) => inner.walk(visit),
            Kind::Compare(_, left, right) => {
                left.walk(visit);
                right.walk(visit);
            }
        }
    }

    /// Whether a function such as `always()` occurs in it. Where none does, `success() &&` is implied in `if`.
    pub(crate) fn asks_for_status(&self) -> bool {
        let mut found = false;
        self.walk(&mut |part| {
            if let Kind::Call(function, _) = &part.kind {
                found |= function.is_status();
            }
        });
        found
    }
}

impl Segment {
    /// The key that it names, if that is written down and not computed.
    pub(crate) fn plain_key(&self) -> Option<&str> {
        match self {
            Self::Key(key, _) => Some(key),
            Self::Index(Expression { kind: Kind::Literal(Value::Text(key)), .. }) => Some(key),
            Self::Index(_) | Self::All(_) => None,
        }
    }

    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Key(_, place) | Self::All(place) => place.clone(),
            Self::Index(index) => index.place.clone(),
        }
    }
}
