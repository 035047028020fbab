//! From an expression back to its text.

use super::syntax::{Comparison, Expression, Kind, Segment};
use super::value::{Value, number_text};

/// A text that reads back as `expression`.
pub(crate) fn print(expression: &Expression) -> String {
    match &expression.kind {
        Kind::Literal(value) => literal(value),
        Kind::Context(name) => name.word().to_owned(),
        Kind::Access(base, segments) => {
            let way: String = segments.iter().map(segment_text).collect();
            format!("{}{way}", operand(base))
        }
        Kind::Call(function, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(print).collect();
            format!("{}({})", function.word(), arguments.join(", "))
        }
        Kind::Not(inner) => format!("!{}", operand(inner)),
        Kind::All(parts) => parts.iter().map(operand).collect::<Vec<_>>().join(" && "),
        Kind::Any(parts) => parts.iter().map(operand).collect::<Vec<_>>().join(" || "),
        Kind::Compare(comparison, left, right) => {
            format!("{} {} {}", operand(left), symbol(*comparison), operand(right))
        }
    }
}

/// In parentheses, if it would be torn apart without.
fn operand(expression: &Expression) -> String {
    match &expression.kind {
        Kind::Literal(_) | Kind::Context(_) | Kind::Access(..) | Kind::Call(..) => print(expression),
        Kind::Not(_) | Kind::All(_) | Kind::Any(_) | Kind::Compare(..) => format!("({})", print(expression)),
    }
}

fn segment_text(segment: &Segment) -> String {
    match segment {
        Segment::Key(key, _) => format!(".{key}"),
        Segment::Index(index) => format!("[{}]", print(index)),
        Segment::All(_) => ".*".to_owned(),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number_text(*number),
        Value::Text(text) => quoted(text),
        Value::Array(_) | Value::Object(_) => format!("fromJSON({})", quoted(&value.to_json())),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

const fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "==",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}
