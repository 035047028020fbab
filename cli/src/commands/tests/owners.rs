//! `muster tests owners`: who answers for how many tests.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use muster_proto::v1;
use serde::Serialize;

use super::super::{print, print_json};
use super::memory::{Memory, owners_of};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::table::{Table, terminal_width};
use crate::output::text::duration;
use crate::owners::Owners;

/// Sum up the tests by their owners, as the project's CODEOWNERS or TESTOWNERS file names them
#[derive(Debug, Args)]
pub(super) struct TestOwners {
    #[command(flatten)]
    pub(super) memory: Memory,
}

/// The sums of one owner. Described in `docs/reference/json-events.md`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Sums {
    owner: Option<String>,
    tests: u32,
    failed: u32,
    flaky: u32,
    mean_us: u64,
}

impl TestOwners {
    /// Prints them, and last the tests that nobody answers for.
    pub(super) async fn run(&self) -> Result<ExitCode, Failure> {
        let owners = self.memory.owners()?;
        let tests = self.memory.read("").await?;
        let sums = sums(&tests, &owners);
        if self.memory.json {
            print_json(&sums)?;
        } else if sums.is_empty() {
            print(&self.memory.nothing()?);
        } else {
            if owners.source.is_empty() {
                print("there is no CODEOWNERS and no TESTOWNERS file in the current folder\n");
            }
            print(&table(&sums).render(terminal_width()));
        }
        Ok(ExitCode::Passed)
    }
}

fn sums(tests: &[v1::RememberedTest], owners: &Owners) -> Vec<Sums> {
    let mut by_owner: BTreeMap<Option<&str>, Sums> = BTreeMap::new();
    for test in tests {
        let of_test = owners_of(test, owners);
        let all: Vec<Option<&str>> =
            if of_test.is_empty() { vec![None] } else { of_test.into_iter().map(Some).collect() };
        for owner in all {
            let sums = by_owner.entry(owner).or_default();
            sums.owner = owner.map(str::to_owned);
            sums.tests += 1;
            sums.failed += u32::from(is_last(test, v1::TestVerdict::Failed));
            sums.flaky += u32::from(test.flaky > 0);
            sums.mean_us = sums.mean_us.saturating_add(test.mean_us);
        }
    }
    let nobody = by_owner.remove(&None);
    by_owner.into_values().chain(nobody).collect()
}

/// Whether the last run said this of a test.
fn is_last(test: &v1::RememberedTest, verdict: v1::TestVerdict) -> bool {
    test.recent.last().is_some_and(|outcome| outcome.run == test.last_run && outcome.verdict() == verdict)
}

fn table(sums: &[Sums]) -> Table {
    let mut table = Table::new(["OWNER", "TESTS", "FAIL NOW", "WERE FLAKY", "TAKE TOGETHER"], 0);
    for owner in sums {
        table.push([
            owner.owner.clone().unwrap_or_else(|| "(nobody)".to_owned()),
            owner.tests.to_string(),
            owner.failed.to_string(),
            owner.flaky.to_string(),
            duration(Duration::from_micros(owner.mean_us)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_summed_up_by_owner_and_nobody_comes_last() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("CODEOWNERS"), "/tests/ @qa @all\n/tests/own/\n")?;
        let owners = Owners::find(folder.path()).map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let test = |name: &str, flaky| v1::RememberedTest {
            name: name.to_owned(),
            mean_us: 10,
            flaky,
            ..v1::RememberedTest::default()
        };
        let tests = [test("tests/a.py::x", 1), test("tests/b.py::y", 0), test("tests/own/c.py::z", 0), test("odd", 2)];
        let found: Vec<_> =
            sums(&tests, &owners).into_iter().map(|sums| (sums.owner, sums.tests, sums.flaky, sums.mean_us)).collect();
        let owner = |name: &str| Some(name.to_owned());
        anyhow::ensure!(found == [(owner("@all"), 2, 1, 20), (owner("@qa"), 2, 1, 20), (None, 2, 1, 20)], "{found:?}");
        Ok(())
    }
}
