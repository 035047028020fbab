//! Runners on Node, by `package.json`.

use std::path::Path;

use muster_common::spec::Runner;

use super::{CONFIG_BYTES_MAX, Candidate};

/// The runners that the project depends on, that of its `test` script first.
pub(super) fn candidates(directory: &Path) -> Vec<Candidate> {
    let file = directory.join("package.json");
    let is_small = file.metadata().is_ok_and(|metadata| metadata.len() <= CONFIG_BYTES_MAX);
    let text = if is_small { std::fs::read_to_string(&file).unwrap_or_default() } else { String::new() };
    let Ok(package) = serde_json::from_str::<serde_json::Value>(&text) else { return Vec::new() };
    let script = package["scripts"]["test"].as_str().unwrap_or_default();
    let depends = |name: &str| ["dependencies", "devDependencies"].iter().any(|kind| package[kind].get(name).is_some());
    let mut found: Vec<(bool, Candidate)> = RUNNERS
        .iter()
        .filter(|(package_name, word)| depends(package_name) || script.split_whitespace().any(|part| part == *word))
        .filter_map(|(package_name, word)| {
            let is_script = script.split_whitespace().any(|part| part == *word);
            let runner = Runner::named(word, Vec::new())?;
            let evidence = if is_script {
                format!("its script `test` in package.json, `{}`", &script[..script.floor_char_boundary(60)])
            } else {
                format!("`{package_name}` in package.json")
            };
            Some((is_script, Candidate { runner, evidence }))
        })
        .collect();
    found.sort_by_key(|(is_script, _)| !is_script);
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// What is depended on, and what it is called in a script and here.
const RUNNERS: [(&str, &str); 4] =
    [("vitest", "vitest"), ("jest", "jest"), ("mocha", "mocha"), ("@playwright/test", "playwright")];
