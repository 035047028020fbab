//! `muster tests quarantine`: tests whose failures do not count for a while.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use muster_proto::v1;

use super::super::print;
use super::memory::{Limit, Memory, owner_of, owners_of, print_tests_json};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::output::table::{Table, terminal_width};
use crate::output::text::{moment, one_line};
use crate::owners::Owners;

/// List the tests whose failures do not count for a while, add one or release one
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct QuarantineTests {
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// List the tests in quarantine
    List(ListQuarantine),
    /// Put a test into quarantine: it runs and is reported, and its failures do not fail the run
    Add(AddQuarantine),
    /// Take a test out of quarantine
    Release(ReleaseQuarantine),
}

#[derive(Debug, Args)]
struct ListQuarantine {
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    memory: Memory,
}

#[derive(Debug, Args)]
struct AddQuarantine {
    /// Its whole id, as its runner names it
    #[arg(value_name = "TEST")]
    test: String,
    /// Only in this test job [default: every one that has such a test]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    job: String,
    /// Who answers for it [default: whom the CODEOWNERS or TESTOWNERS file names]
    #[arg(long, value_name = "WHO", default_value = "", hide_default_value = true)]
    owner: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how many days at most
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    #[command(flatten)]
    memory: Memory,
}

#[derive(Debug, Args)]
struct ReleaseQuarantine {
    /// Its whole id, as its runner names it
    #[arg(value_name = "TEST")]
    test: String,
    /// Only in this test job [default: every one that has such a test]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    job: String,
    #[command(flatten)]
    memory: Memory,
}

impl QuarantineTests {
    /// Does it.
    pub(super) async fn run(&self) -> Result<ExitCode, Failure> {
        match &self.command {
            QuarantineCommand::List(command) => command.run().await,
            QuarantineCommand::Add(command) => command.run().await,
            QuarantineCommand::Release(command) => command.run().await,
        }
    }

    /// Whether standard output is for programs.
    pub(super) const fn is_json(&self) -> bool {
        match &self.command {
            QuarantineCommand::List(command) => command.memory.json,
            QuarantineCommand::Add(command) => command.memory.json,
            QuarantineCommand::Release(command) => command.memory.json,
        }
    }
}

impl ListQuarantine {
    async fn run(&self) -> Result<ExitCode, Failure> {
        let mut tests = self.memory.read("").await?;
        tests.retain(|test| test.quarantine.is_some());
        let shown = &tests[..tests.len().min(self.limit.limit as usize)];
        if self.memory.json {
            print_tests_json(shown, &self.memory.owners()?)?;
        } else if shown.is_empty() {
            print("no test is in quarantine\n");
        } else {
            print(&table(shown, &self.memory.owners()?).render(terminal_width()));
        }
        Ok(ExitCode::Passed)
    }
}

impl AddQuarantine {
    async fn run(&self) -> Result<ExitCode, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let until = now + Duration::from_secs(u64::from(self.days) * 24 * 3_600);
        let request = v1::QuarantineTestRequest {
            project: self.memory.project()?,
            job: self.job.clone(),
            name: self.test.clone(),
            owner: self.owner()?,
            reason: self.reason.clone(),
            until_unix_ms: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
        };
        let fleet = Fleet::to_read(&self.memory.place).await?;
        let answer = fleet.client().quarantine(request).await;
        fleet.shut_down().await;
        answer?;
        told(&self.memory, &self.test, &format!("is in quarantine for {} days at most", self.days)).await
    }
}

impl AddQuarantine {
    fn owner(&self) -> Result<String, Failure> {
        if !self.owner.is_empty() {
            return Ok(self.owner.clone());
        }
        let test = v1::RememberedTest { name: self.test.clone(), job: self.job.clone(), ..Default::default() };
        let owners = owners_of(&test, &self.memory.owners()?).join(" ");
        if owners.is_empty() {
            let message = format!("no CODEOWNERS or TESTOWNERS file says who answers for {}", one_line(&self.test));
            return Err(Failure::usage(message).advise("name somebody with --owner"));
        }
        Ok(owners)
    }
}

impl ReleaseQuarantine {
    async fn run(&self) -> Result<ExitCode, Failure> {
        let project = self.memory.project()?;
        let request = v1::ReleaseTestRequest { project, job: self.job.clone(), name: self.test.clone() };
        let fleet = Fleet::to_read(&self.memory.place).await?;
        let answer = fleet.client().release(request).await;
        fleet.shut_down().await;
        answer?;
        told(&self.memory, &self.test, "is out of quarantine").await
    }
}

/// Says what has become of a test: in a sentence, or as the test now stands.
async fn told(memory: &Memory, name: &str, what: &str) -> Result<ExitCode, Failure> {
    if memory.json {
        print_tests_json(&memory.read(name).await?, &memory.owners()?)?;
    } else {
        print(&format!("{} {what}\n", one_line(name)));
    }
    Ok(ExitCode::Passed)
}

fn table(tests: &[v1::RememberedTest], owners: &Owners) -> Table {
    let mut table = Table::new(["TEST", "JOB", "OWNER", "REASON", "SINCE", "UNTIL", "BY"], 0);
    for test in tests {
        let quarantine = test.quarantine.clone().unwrap_or_default();
        let owner = owner_of(test, &quarantine, owners);
        table.push([
            test.name.clone(),
            test.job.clone(),
            owner,
            quarantine.reason,
            moment(quarantine.since_unix_ms),
            moment(quarantine.until_unix_ms),
            if quarantine.is_automatic { "coordinator" } else { "hand" }.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_that_the_coordinator_began_is_of_those_who_answer_for_the_file() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("CODEOWNERS"), "/tests/ @qa @all\n")?;
        let owners = Owners::find(folder.path()).map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let test = |name: &str, owner: &str| v1::RememberedTest {
            name: name.to_owned(),
            quarantine: Some(v1::Quarantine { owner: owner.to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let tests = [test("tests/a.py::x", ""), test("tests/a.py::y", "@web"), test("odd", "")];
        let told = table(&tests, &owners).render(None);
        let rows: Vec<&str> = told.lines().skip(1).collect();
        anyhow::ensure!(rows[0].contains("@qa @all") && rows[1].contains("@web") && !rows[1].contains("@qa"), "{told}");
        anyhow::ensure!(!rows[2].contains('@'), "{told}");
        Ok(())
    }
}
