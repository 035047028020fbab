//! The schema that is checked in, and that it says what the parser does.

use std::path::Path;

use crate::pipeline::parse::TABLES;
use crate::pipeline::{run_spec_schema, schema};

#[test]
fn the_checked_in_schemas_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    for (name, schema) in [("muster.schema.json", schema()), ("run-spec.schema.json", run_spec_schema())] {
        let path = folder.join(name);
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
        text.push('\n');
        if std::env::var_os("MUSTER_UPDATE_GENERATED").is_some_and(|value| value == "1") {
            std::fs::write(&path, &text).expect("the folder docs/reference is in the repository");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "{} is not what the code says: run the tests with MUSTER_UPDATE_GENERATED=1",
            path.display()
        );
    }
}

#[test]
fn the_schema_has_the_keys_that_the_parser_takes() {
    let schema = schema();
    for (name, keys) in TABLES {
        let definition = if *name == "PipelineFile" { &schema } else { &schema["$defs"][name] };
        let mut in_schema: Vec<&str> =
            definition["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let mut in_parser = keys.known.to_vec();
        in_schema.sort_unstable();
        in_parser.sort_unstable();
        assert_eq!(in_schema, in_parser, "{name}");
        assert_eq!(definition["additionalProperties"], false, "{name}");
        for (refused, _) in keys.refused {
            assert!(!keys.known.contains(refused), "{name}: {refused}");
        }
    }
}
