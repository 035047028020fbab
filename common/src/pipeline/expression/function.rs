//! The functions that need nothing but their arguments.

use super::names::Function;
use super::syntax::{ExpressionError, Place};
use super::value::{Value, folded};

/// The value of `function`, which is not one of those that ask for the status.
pub(super) fn call(function: Function, arguments: &[Value], place: &Place) -> Result<Value, ExpressionError> {
    let value = match (function, arguments) {
        (Function::Contains, [within, item]) => Value::Bool(contains(within, item)),
        (Function::StartsWith, [text, start]) => {
            Value::Bool(folded(&text.to_text()).starts_with(&folded(&start.to_text())))
        }
        (Function::EndsWith, [text, end]) => Value::Bool(folded(&text.to_text()).ends_with(&folded(&end.to_text()))),
        (Function::Format, [template, values @ ..]) => Value::Text(format(&template.to_text(), values, place)?),
        (Function::Join, [items]) => Value::Text(join(items, ",", place)?),
        (Function::Join, [items, separator]) => Value::Text(join(items, &separator.to_text(), place)?),
        (Function::ToJson, [value]) => Value::Text(value.to_json()),
        (Function::FromJson, [text]) => from_json(&text.to_text(), place)?,
        (
            Function::Success
            | Function::Failure
            | Function::Always
            | Function::Cancelled
            | Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::Format
            | Function::Join
            | Function::ToJson
            | Function::FromJson,
            _,
        ) => {
            let message = format!("`{}` cannot be computed with {} arguments here", function.word(), arguments.len());
            return Err(ExpressionError::new(place.clone(), message));
        }
    };
    bounded(value, place)
}

fn contains(within: &Value, item: &Value) -> bool {
    match within {
        Value::Array(items) => items.iter().any(|found| found.loosely_equals(item)),
        Value::Object(_) => false,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
            folded(&within.to_text()).contains(&folded(&item.to_text()))
        }
    }
}

fn format(template: &str, values: &[Value], place: &Place) -> Result<String, ExpressionError> {
    let error = |message: String| ExpressionError::new(place.clone(), message);
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..];
        if brace.starts_with("{{") || brace.starts_with("}}") {
            text.push_str(&brace[..1]);
            rest = &brace[2..];
            continue;
        }
        let number = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((number, after)) = number else {
            return Err(error("the text of `format` has a single brace".to_owned())
                .help("a brace that is meant is written twice: `{{` or `}}`"));
        };
        let value = number.parse().ok().and_then(|index: usize| values.get(index)).ok_or_else(|| {
            error(format!("the text of `format` names {{{number}}}, but {} values follow it", values.len()))
        })?;
        text.push_str(&value.to_text());
        if text.len() > VALUE_BYTES_MAX {
            return Err(too_long(place));
        }
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

fn join(items: &Value, separator: &str, place: &Place) -> Result<String, ExpressionError> {
    let Value::Array(items) = items else { return Ok(items.to_text()) };
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(&item.to_text());
        if text.len() > VALUE_BYTES_MAX {
            return Err(too_long(place));
        }
    }
    Ok(text)
}

fn from_json(text: &str, place: &Place) -> Result<Value, ExpressionError> {
    serde_json::from_str(text).map_err(|error| {
        let message = format!("`fromJSON` was given a text that is not JSON: {error}");
        ExpressionError::new(place.clone(), message)
    })
}

fn bounded(value: Value, place: &Place) -> Result<Value, ExpressionError> {
    match &value {
        Value::Text(text) if text.len() > VALUE_BYTES_MAX => Err(too_long(place)),
        _ => Ok(value),
    }
}

fn too_long(place: &Place) -> ExpressionError {
    ExpressionError::new(place.clone(), format!("the value of this is longer than {VALUE_BYTES_MAX} bytes"))
}

/// Bytes of one computed text. Nested calls of `format` would double it at every level.
pub(super) const VALUE_BYTES_MAX: usize = 1 << 20;
