//! As much of JSON Schema as the checked formats use.

use serde_json::Value;

/// What in `value` is not as `schema` says, with its place. References are looked up in the schema's own `$defs`.
pub(crate) fn problems(value: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Checker { root: schema }.check(value, schema, "", &mut found);
    found
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    fn check(&self, value: &Value, schema: &Value, at: &str, found: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
            return self.check(value, target, at, found);
        }
        if let Some(options) = schema["anyOf"].as_array() {
            let fits = |option: &&Value| {
                let mut problems = Vec::new();
                self.check(value, option, at, &mut problems);
                problems.is_empty()
            };
            if !options.iter().any(|option| fits(&option)) {
                found.push(format!("{at}: {value} fits none of the choices"));
            }
            return;
        }
        if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
            found.push(format!("{at}: {value} is none of {allowed:?}"));
        }
        if !has_type(value, &schema["type"]) {
            return found.push(format!("{at}: {value} is not of type {}", schema["type"]));
        }
        self.check_parts(value, schema, at, found);
    }

    fn check_parts(&self, value: &Value, schema: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if !map.contains_key(key) {
                        found.push(format!("{at}: `{key}` is missing"));
                    }
                }
                for (key, part) in map {
                    match schema["properties"].get(key) {
                        Some(schema) => self.check(part, schema, &format!("{at}/{key}"), found),
                        None if schema["additionalProperties"] == false => {
                            found.push(format!("{at}: `{key}` is unknown"))
                        }
                        None => {}
                    }
                }
            }
            Value::Array(list) => {
                if (list.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
                    found.push(format!("{at}: too few items"));
                }
                for (index, part) in list.iter().enumerate() {
                    self.check(part, &schema["items"], &format!("{at}/{index}"), found);
                }
            }
            Value::String(text) => {
                if (text.len() as u64) < schema["minLength"].as_u64().unwrap_or(0) {
                    found.push(format!("{at}: too short"));
                }
            }
            Value::Number(number) => {
                if number.as_u64().is_some_and(|number| number < schema["minimum"].as_u64().unwrap_or(0)) {
                    found.push(format!("{at}: too small"));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn has_type(value: &Value, wanted: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checked formats use no type `{other}`"),
    };
    match wanted {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}
