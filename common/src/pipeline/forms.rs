//! The forms in which values may be written, for the schema alone: the parser makes one form of each.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Declares a type without values whose schema is the given one.
macro_rules! form {
    ($name:ident, $schema:tt) => {
        #[doc = concat!("The written form `", stringify!($name), "`.")]
        pub(super) enum $name {}

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

form!(OneOrMany, { "anyOf": [
    { "type": ["string", "number", "boolean"] },
    { "type": "array", "items": { "type": ["string", "number", "boolean"] } }
] });
form!(Text, { "not": { "type": ["object", "array"] } });
form!(Condition, { "type": ["string", "boolean", "number"] });
form!(Minutes, { "anyOf": [{ "type": "number", "exclusiveMinimum": 0 }, { "type": "string", "pattern": "\\$\\{\\{" }] });
form!(Flag, { "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": "\\$\\{\\{" }] });
form!(FailFast, { "const": false });
form!(Shell, { "enum": ["bash", "sh", "python"] });
form!(Runner, { "enum": (crate::spec::Runner::NAMES) });
form!(ResultFormat, { "enum": (crate::spec::ResultFormat::NAMES) });
form!(TestScope, { "enum": (crate::spec::TestScope::NAMES) });
form!(Matrix, {
    "type": "object",
    "properties": {
        "include": { "type": "array", "items": { "type": "object" } },
        "exclude": { "type": "array", "items": { "type": "object" } }
    },
    "additionalProperties": { "type": "array", "minItems": 1 }
});
