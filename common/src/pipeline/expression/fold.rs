//! Computing as much of an expression as is known. With everything known this is its evaluation.

use super::access::reach;
use super::context::Status;
use super::function::call;
use super::names::{ContextName, Function};
use super::syntax::{Comparison, Expression, ExpressionError, Kind, Segment};
use super::value::Value;

/// What is known.
pub(crate) trait Resolver {
    /// A whole context, if all of it is known.
    fn context(&self, name: ContextName) -> Option<Value>;

    /// One member of a context, if it is known; null, if it is known that there is none.
    fn member(&self, name: ContextName, key: &str) -> Option<Value>;

    /// How the work before went, if that is known.
    fn status(&self) -> Option<Status>;
}

/// `expression` with everything computed that `known` allows. What is left keeps its form.
pub(crate) fn fold(expression: &Expression, known: &dyn Resolver) -> Result<Expression, ExpressionError> {
    let place = expression.place.clone();
    let kind = match &expression.kind {
        Kind::Literal(value) => Kind::Literal(value.clone()),
        Kind::Context(name) => known.context(*name).map_or(Kind::Context(*name), Kind::Literal),
        Kind::Access(base, segments) => fold_access(base, segments, known)?,
        Kind::Call(function, arguments) => fold_call(*function, arguments, expression, known)?,
        Kind::Not(inner) => match fold(inner, known)? {
            Expression { kind: Kind::Literal(value), .. } => Kind::Literal(Value::Bool(!value.is_true())),
            inner => Kind::Not(Box::new(inner)),
        },
        Kind::All(parts) => fold_chain(parts, known, |value| !value.is_true(), Kind::All)?,
        Kind::Any(parts) => fold_chain(parts, known, Value::is_true, Kind::Any)?,
        Kind::Compare(comparison, left, right) => {
            let (left, right) = (fold(left, known)?, fold(right, known)?);
            match (&left.kind, &right.kind) {
                (Kind::Literal(left), Kind::Literal(right)) => {
                    Kind::Literal(Value::Bool(compare(*comparison, left, right)))
                }
                _ => Kind::Compare(*comparison, Box::new(left), Box::new(right)),
            }
        }
    };
    Ok(Expression { place, kind })
}

/// The first part that decides is the value of the chain, else its last part.
fn fold_chain(
    parts: &[Expression],
    known: &dyn Resolver,
    decides: impl Fn(&Value) -> bool,
    chain: impl FnOnce(Vec<Expression>) -> Kind,
) -> Result<Kind, ExpressionError> {
    let mut open = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let part = fold(part, known)?;
        let is_last = index + 1 == parts.len();
        match &part.kind {
            Kind::Literal(value) if decides(value) => {
                open.push(part);
                break;
            }
            Kind::Literal(_) if !is_last => {}
            _ => open.push(part),
        }
    }
    Ok(match open.len() {
        0 | 1 => open.pop().map_or(Kind::Literal(Value::Null), |only| only.kind),
        _ => chain(open),
    })
}

fn fold_access(base: &Expression, segments: &[Segment], known: &dyn Resolver) -> Result<Kind, ExpressionError> {
    let segments = segments.iter().map(|segment| fold_segment(segment, known)).collect::<Result<Vec<_>, _>>()?;
    let is_way_known = segments.iter().all(|segment| match segment {
        Segment::Index(index) => matches!(index.kind, Kind::Literal(_)),
        Segment::Key(..) | Segment::All(_) => true,
    });
    if is_way_known
        && let Kind::Context(name) = base.kind
        && let Some((first, rest)) = segments.split_first()
        && let Some(key) = first.plain_key()
    {
        return Ok(match known.member(name, key) {
            Some(value) => Kind::Literal(reach(value, rest, literal_index)),
            None => Kind::Access(Box::new(base.clone()), segments),
        });
    }
    Ok(match fold(base, known)? {
        Expression { kind: Kind::Literal(value), .. } if is_way_known => {
            Kind::Literal(reach(value, &segments, literal_index))
        }
        base => Kind::Access(Box::new(base), segments),
    })
}

fn fold_segment(segment: &Segment, known: &dyn Resolver) -> Result<Segment, ExpressionError> {
    Ok(match segment {
        Segment::Index(index) => Segment::Index(fold(index, known)?),
        Segment::Key(..) | Segment::All(_) => segment.clone(),
    })
}

fn literal_index(segment: &Segment) -> Value {
    match segment {
        Segment::Index(Expression { kind: Kind::Literal(value), .. }) => value.clone(),
        Segment::Index(_) | Segment::Key(..) | Segment::All(_) => Value::Null,
    }
}

fn fold_call(
    function: Function,
    arguments: &[Expression],
    whole: &Expression,
    known: &dyn Resolver,
) -> Result<Kind, ExpressionError> {
    if function.is_status() {
        let Some(status) = known.status() else { return Ok(Kind::Call(function, Vec::new())) };
        return Ok(Kind::Literal(Value::Bool(match function {
            Function::Success => status.is_success,
            Function::Failure => status.is_failure,
            Function::Cancelled => status.is_cancelled,
            Function::Always
            | Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::Format
            | Function::Join
            | Function::ToJson
            | Function::FromJson => true,
        })));
    }
    let arguments = arguments.iter().map(|argument| fold(argument, known)).collect::<Result<Vec<_>, _>>()?;
    let values: Option<Vec<Value>> = arguments
        .iter()
        .map(|argument| match &argument.kind {
            Kind::Literal(value) => Some(value.clone()),
            Kind::Context(_)
            | Kind::Access(..)
            | Kind::Call(..)
            | Kind::Not(_)
            | Kind::All(_)
            | Kind::Any(_)
            | Kind::Compare(..) => None,
        })
        .collect();
    Ok(match values {
        Some(values) => Kind::Literal(call(function, &values, &whole.place)?),
        None => Kind::Call(function, arguments),
    })
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let order = left.loosely_compares(right);
    match comparison {
        Comparison::Equal => left.loosely_equals(right),
        Comparison::NotEqual => !left.loosely_equals(right),
        Comparison::Less => order.is_some_and(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
        Comparison::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
        Comparison::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
    }
}
