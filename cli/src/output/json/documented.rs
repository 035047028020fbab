//! What is written for programs is described.

/// The keys of an event, and its name, stand in the reference.
pub(super) fn is_documented(object: &serde_json::Value) {
    let page = include_str!("../../../../docs/reference/json-events.md");
    let keys = object.as_object().expect("it is an object").keys().map(String::as_str);
    for word in keys.chain(object.get("event").and_then(serde_json::Value::as_str)) {
        assert!(page.contains(&format!("`{word}`")), "`{word}` is not in docs/reference/json-events.md");
    }
}
