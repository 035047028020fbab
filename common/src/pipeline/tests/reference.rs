//! The reference page: its examples compile, and it names every key.

use super::options;
use crate::pipeline::parse::TABLES;
use crate::pipeline::{Source, compile};

#[test]
fn every_whole_file_in_the_reference_compiles() {
    let examples: Vec<&str> = PAGE
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(example, _)| example))
        .filter(|example| example.contains("jobs:"))
        .collect();
    assert!(examples.len() >= 3, "the page has examples");
    for example in examples {
        if let Err(error) = compile(&Source { name: "pipeline.md", bytes: example.as_bytes() }, &options()) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_reference_names_every_key() {
    for (name, keys) in TABLES {
        let refused = keys.refused.iter().map(|(key, _)| key).filter(|_| matches!(*name, "PipelineFile" | "Strategy"));
        for key in keys.known.iter().chain(refused) {
            let is_named = PAGE.contains(&format!("`{key}`"))
                || PAGE.contains(&format!("`{key}:"))
                || PAGE.contains(&format!(".{key}"))
                || PAGE.contains(&format!("`{key}."));
            assert!(is_named, "`{key}` of {name} is not in docs/reference/pipeline.md");
        }
    }
}

const PAGE: &str = include_str!("../../../../docs/reference/pipeline.md");
