//! Values of expressions, their conversions and comparisons.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value. Numbers are finite.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing; also what a name that is not there stands for.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Values by name, in the order in which they were written.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Whether a condition with this value holds: not `null`, `false`, `0` or the empty text.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Array(_) | Self::Object(_) => true,
        }
    }

    /// The text that stands for it in a text around it.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number_text(*number),
            Self::Text(text) => text.clone(),
            Self::Array(_) => "Array".to_owned(),
            Self::Object(_) => "Object".to_owned(),
        }
    }

    /// The value under `name`, without regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => {
                entries.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) => None,
        }
    }

    /// An object of texts.
    pub(crate) fn object_of_texts<'t>(texts: impl IntoIterator<Item = (&'t String, &'t String)>) -> Self {
        Self::Object(texts.into_iter().map(|(name, text)| (name.clone(), Self::Text(text.clone()))).collect())
    }

    /// Equal in the loose way: as numbers where the kinds differ, texts without regard to case. Arrays and objects
    /// equal nothing.
    pub(super) fn loosely_equals(&self, other: &Self) -> bool {
        self.loosely_compares(other) == Some(Ordering::Equal)
    }

    /// Order in the loose way; none where there is none.
    pub(super) fn loosely_compares(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(folded(left).cmp(&folded(right))),
            _ => self.to_number()?.partial_cmp(&other.to_number()?),
        }
    }

    fn to_number(&self) -> Option<f64> {
        match self {
            Self::Null => Some(0.0),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Number(number) => Some(*number),
            Self::Text(text) if text.trim().is_empty() => Some(0.0),
            Self::Text(text) => parse_number(text.trim()),
            Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Its JSON, indented by two spaces as GitHub Actions does.
    pub(crate) fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json, 0);
        json
    }

    fn write_json(&self, json: &mut String, depth: usize) {
        match self {
            Self::Null => json.push_str("null"),
            Self::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => json.push_str(&number_text(*number)),
            Self::Text(text) => write_json_text(json, text),
            Self::Array(items) => {
                let lines = items.iter().map(|item| (None, item));
                write_json_lines(json, depth, ['[', ']'], lines);
            }
            Self::Object(entries) => {
                let lines = entries.iter().map(|(key, value)| (Some(key.as_str()), value));
                write_json_lines(json, depth, ['{', '}'], lines);
            }
        }
    }
}

fn write_json_lines<'v>(
    json: &mut String,
    depth: usize,
    [open, close]: [char; 2],
    lines: impl ExactSizeIterator<Item = (Option<&'v str>, &'v Value)>,
) {
    json.push(open);
    let is_empty = lines.len() == 0;
    for (index, (key, value)) in lines.enumerate() {
        json.push_str(if index == 0 { "\n" } else { ",\n" });
        json.push_str(&"  ".repeat(depth + 1));
        if let Some(key) = key {
            write_json_text(json, key);
            json.push_str(": ");
        }
        value.write_json(json, depth + 1);
    }
    if !is_empty {
        json.push('\n');
        json.push_str(&"  ".repeat(depth));
    }
    json.push(close);
}

fn write_json_text(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                write!(json, "\\u{:04x}", u32::from(c)).expect("writing to a text does not fail");
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

/// Upper case as the loose comparison sees it.
pub(super) fn folded(text: &str) -> String {
    text.to_uppercase()
}

/// A number as it is written in expressions: decimal, `0x…` or `0o…`. None for anything else, and for what is not
/// finite.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let magnitude = if let Some(hex) = digits.strip_prefix("0x") {
        whole(hex, 16)?
    } else if let Some(octal) = digits.strip_prefix("0o") {
        whole(octal, 8)?
    } else if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        digits.parse().ok().filter(|number: &f64| number.is_finite())?
    } else {
        return None;
    };
    Some(sign * magnitude)
}

fn whole(digits: &str, radix: u32) -> Option<f64> {
    let is_plain = digits.chars().all(|c| c.is_digit(radix));
    let number = u32::from_str_radix(digits, radix).ok()?;
    is_plain.then(|| f64::from(number))
}

pub(super) fn number_text(number: f64) -> String {
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of expressions are floating-point numbers")]
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of expressions are floating-point numbers")]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(entry) = entries.next_entry::<String, Value>()? {
            values.push(entry);
        }
        Ok(Value::Object(values))
    }
}
