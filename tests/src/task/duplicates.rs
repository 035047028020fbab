//! `cargo xtask duplicates`: no dependency in two versions without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::root;

/// Dependencies that are there twice, and why nothing can be done about it here.
const ARGUED: &[(&str, &str)] =
    &[("syn", "at build time only: prost's and tracing's macros use version 2, serde's and thiserror's version 3")];

/// Lists duplicates of the shipped binaries and fails on one that is not argued.
///
/// # Errors
/// If cargo cannot be asked, or a duplicate is not in the list, or an entry of the list is not needed any more.
pub(crate) fn run() -> Result<()> {
    let output = Command::new("cargo")
        .args(["tree", "--workspace", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--locked"])
        .current_dir(root())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    }
    let duplicates = duplicates(&String::from_utf8_lossy(&output.stdout));
    let argued: BTreeSet<_> = ARGUED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let found: BTreeSet<_> = duplicates.keys().cloned().collect();
    for (name, versions) in &duplicates {
        let why = ARGUED.iter().find(|(argued, _)| argued == name).map_or("NOT ARGUED", |(_, why)| why);
        println!("{name} {}: {why}", versions.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    if let Some(name) = found.difference(&argued).next() {
        bail!(
            "`{name}` is in the build in two versions: bring them together, or argue it in tests/src/task/duplicates.rs"
        );
    }
    if let Some(name) = argued.difference(&found).next() {
        bail!("`{name}` is in the build only once now: take it out of the list in tests/src/task/duplicates.rs");
    }
    Ok(())
}

fn duplicates(tree: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_two_versions_is_a_duplicate() {
        let found = duplicates("a v1.0.0\nb v1.0.0\na v2.0.0 (*)\nb v1.0.0 (*)\n");
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["a"]);
    }
}
