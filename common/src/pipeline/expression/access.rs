//! The way into a value: `.name`, `[index]`, `.*`.

use super::syntax::Segment;
use super::value::Value;

/// What stands in `base` at the end of the way, or null. The indexes in `segments` are computed. After `.*` a name is
/// looked up in every item, and items without it are left out.
pub(super) fn reach(base: Value, segments: &[Segment], index_value: impl Fn(&Segment) -> Value) -> Value {
    let mut current = Reached::One(base);
    for segment in segments {
        current = match segment {
            Segment::All(_) => Reached::Many(current.into_items()),
            Segment::Key(key, _) => current.member(&Value::Text(key.clone())),
            Segment::Index(_) => current.member(&index_value(segment)),
        };
    }
    match current {
        Reached::One(value) => value,
        Reached::Many(values) => Value::Array(values),
    }
}

enum Reached {
    One(Value),
    /// The result of `.*`.
    Many(Vec<Value>),
}

impl Reached {
    fn into_items(self) -> Vec<Value> {
        match self {
            Self::One(value) => items(value),
            Self::Many(values) => values.into_iter().flat_map(items).collect(),
        }
    }

    fn member(self, key: &Value) -> Self {
        match (self, key) {
            (Self::One(value), _) => Self::One(member(&value, key).unwrap_or(Value::Null)),
            (Self::Many(values), Value::Number(_)) => {
                Self::One(member(&Value::Array(values), key).unwrap_or(Value::Null))
            }
            (Self::Many(values), _) => Self::Many(values.iter().filter_map(|value| member(value, key)).collect()),
        }
    }
}

fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Object(entries) => entries.into_iter().map(|(_, value)| value).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => Vec::new(),
    }
}

fn member(value: &Value, key: &Value) -> Option<Value> {
    match (value, key) {
        (Value::Array(items), Value::Number(index)) => items.get(whole_index(*index)?).cloned(),
        (Value::Object(_), Value::Text(_) | Value::Number(_) | Value::Bool(_)) => value.get(&key.to_text()).cloned(),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
fn whole_index(index: f64) -> Option<usize> {
    (index >= 0.0 && index < f64::from(u32::MAX)).then_some(index as usize)
}
