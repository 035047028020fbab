//! The arrows of dependency between our crates, and what the pure crates must not know.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// For each crate the crates of ours that it may depend on. See docs/ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("muster-common", &[]),
    ("muster-proto", &[]),
    ("muster-service", &["muster-common", "muster-proto"]),
    ("muster-scheduler", &["muster-common"]),
    ("muster-session", &["muster-common"]),
    ("muster-coordinator", &["muster-common", "muster-proto", "muster-scheduler", "muster-service"]),
    ("muster-agent", &["muster-common", "muster-proto", "muster-service", "muster-session"]),
    ("muster-cli", &["muster-agent", "muster-common", "muster-coordinator", "muster-proto", "muster-service"]),
    ("muster-loadtest", &["muster-common", "muster-proto", "muster-service", "muster-session"]),
    ("muster-recorder", &[]),
    ("muster-sim", &["muster-common", "muster-scheduler", "muster-session"]),
];

/// Crates that decide and never act.
const PURE: &[&str] = &["muster-common", "muster-scheduler", "muster-session", "muster-sim"];

/// What a pure crate must not have in its manifest: waiting, wires, stores, clocks, the system's randomness.
const IMPURE: &[&str] = &[
    "async-trait",
    "chrono",
    "fastrand",
    "futures",
    "getrandom",
    "hyper",
    "jiff",
    "libc",
    "mio",
    "nix",
    "prost",
    "reqwest",
    "rustix",
    "sled",
    "socket2",
    "time",
    "tokio",
    "tokio-stream",
    "tonic",
    "tower",
    "tracing",
    "uuid",
];

#[test]
fn crates_depend_on_each_other_only_along_the_arrows() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        ARROWS.iter().map(|(name, may)| (*name, may.iter().copied().collect())).collect();
    let packages = workspace();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.to_string()).collect();
    for package in packages.iter().filter(|package| package.name != "muster-tests") {
        let name = package.name.to_string();
        let may = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no line in ARROWS"));
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(&dependency.name)) {
            assert!(
                may.contains(dependency.name.as_str()),
                "{name} must not depend on {}: see docs/ARCHITECTURE.md",
                dependency.name
            );
        }
    }
}

#[test]
fn every_crate_of_the_tree_is_there() {
    let found: BTreeSet<_> = workspace().iter().map(|package| package.name.to_string()).collect();
    let expected: BTreeSet<_> =
        ARROWS.iter().map(|(name, _)| (*name).to_owned()).chain(["muster-tests".to_owned()]).collect();
    assert_eq!(found, expected);
}

#[test]
fn pure_crates_have_no_impure_dependency() {
    for package in workspace().iter().filter(|package| PURE.contains(&package.name.as_str())) {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in normal {
            assert!(
                !IMPURE.contains(&dependency.name.as_str()),
                "{} is pure and must not depend on {}",
                package.name,
                dependency.name
            );
            if dependency.name == "rand" {
                assert!(
                    !dependency.uses_default_features
                        && dependency.features.iter().all(|feature| feature != "std" && feature != "os_rng"),
                    "{} may use rand only for seeded generators: no default features",
                    package.name
                );
            }
        }
    }
}

#[test]
fn pure_crates_ban_clocks_and_hash_order_by_lint() {
    for package in workspace().iter().filter(|package| PURE.contains(&package.name.as_str())) {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        let bans = std::fs::read_to_string(folder.join("clippy.toml"))
            .unwrap_or_else(|error| panic!("{} has no clippy.toml: {error}", package.name));
        for banned in ["std::time::Instant", "std::time::SystemTime", "std::collections::HashMap"] {
            assert!(bans.contains(banned), "clippy.toml of {} does not ban {banned}", package.name);
        }
        assert!(bans.contains("reason"), "clippy.toml of {} gives no reasons", package.name);
    }
}

fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(vec!["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .expect("cargo metadata reads our workspace");
    metadata.workspace_packages().into_iter().cloned().collect()
}
