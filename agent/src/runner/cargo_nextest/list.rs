//! The list, as nextest prints it in JSON.

use std::collections::BTreeMap;

use muster_common::error_code::ReasonCode;
use serde::Deserialize;

use super::archive::{NEXTEST_HINT, Unpacked};
use super::arguments::Arguments;
use crate::attempt::exit::Exit;
use crate::runner::cargo_build::words;
use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;
use crate::runner::listing::Listing;

/// Lists the tests that plain `cargo nextest run` would run.
pub(super) async fn list(
    context: &RunnerContext,
    unpacked: &Unpacked,
    arguments: &Arguments,
    listing: &mut Listing,
) -> Result<(), RunnerFailure> {
    let mut argv = words(["cargo", "nextest", "list", "--message-format", "json", "--color", "never"]);
    argv.extend(unpacked.arguments());
    argv.extend(arguments.list.iter().cloned());
    let listed = collect(context, context.command(argv), NEXTEST_HINT).await?;
    if !listed.exit.is_success() {
        let message = format!("cargo-nextest cannot list the tests: it {}{}", listed.exit, listed.tail.quoted());
        return Err(match listed.exit {
            Exit::Status(_) => RunnerFailure::user(ReasonCode::DiscoveryFailed, message),
            Exit::Signal(_) | Exit::TimedOut(_) | Exit::Cancelled => {
                RunnerFailure::infrastructure(ReasonCode::RunnerCrashed, message)
            }
        });
    }
    for name in names(&listed.stdout)? {
        listing.push(name).await?;
    }
    Ok(())
}

fn names(json: &[u8]) -> Result<impl Iterator<Item = String>, RunnerFailure> {
    let list: List = serde_json::from_slice(json).map_err(|error| {
        let message = format!("the list that cargo-nextest printed cannot be read: {error}");
        RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
    })?;
    Ok(list.suites.into_iter().flat_map(|(binary, suite)| {
        let chosen = suite.tests.into_iter().filter(|(_, test)| test.filter_match.status == "matches");
        chosen.map(move |(name, _)| format!("{binary} {name}"))
    }))
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "rust-suites")]
    suites: BTreeMap<String, Suite>,
}

#[derive(Deserialize)]
struct Suite {
    #[serde(rename = "testcases")]
    tests: BTreeMap<String, Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(rename = "filter-match")]
    filter_match: FilterMatch,
}

#[derive(Deserialize)]
struct FilterMatch {
    status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nextest_would_run_is_listed() {
        let json = r#"{"rust-build-meta":{},"test-count":3,"rust-suites":{
            "tiny::it":{"status":"listed","testcases":{
                "b":{"kind":"test","ignored":false,"filter-match":{"status":"matches"}},
                "a":{"kind":"test","ignored":true,"filter-match":{"status":"mismatch","reason":"ignored"}}}},
            "tiny":{"status":"listed","testcases":{
                "t::x":{"ignored":false,"filter-match":{"status":"matches"}}}}}}"#;
        let names: Vec<_> = names(json.as_bytes()).expect("a list").collect();
        assert_eq!(names, ["tiny t::x", "tiny::it b"]);
        assert!(super::names(b"{").is_err());
    }
}
