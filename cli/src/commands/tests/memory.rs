//! [`Memory`]: what every command about remembered tests begins with.

use std::path::Path;

use clap::Args;
use muster_common::spec::Env;
use muster_proto::v1;
use serde::Serialize;

use super::super::print_json;
use crate::arguments::Place;
use crate::failure::Failure;
use crate::fleet::{Fleet, current_folder};
use crate::output::json::verdict_word;
use crate::output::junit::part;
use crate::owners::Owners;
use crate::project::{PipelineFile, Project};

/// Whose tests, from where, and in which form.
#[derive(Debug, Args)]
pub(super) struct Memory {
    /// The project [default: that of the current folder]
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

/// How many rows.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Limit {
    /// Most tests to list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) limit: u32,
}

/// A remembered test for programs. Described in `docs/reference/json-events.md`.
#[derive(Debug, Serialize)]
struct TestJson<'a> {
    job: &'a str,
    test: &'a str,
    mean_us: u64,
    high_us: u64,
    passed: u32,
    failed: u32,
    flaky: u32,
    flake_rate: f64,
    flake_rate_low: f64,
    flake_rate_high: f64,
    first_seen_unix_ms: u64,
    last_seen_unix_ms: u64,
    last_run: u64,
    owners: Vec<&'a str>,
    standing: &'static str,
    alarm_run: Option<u64>,
    quarantine: Option<QuarantineJson<'a>>,
    recent: Vec<OutcomeJson>,
}

#[derive(Debug, Serialize)]
struct QuarantineJson<'a> {
    owner: String,
    reason: &'a str,
    since_unix_ms: u64,
    until_unix_ms: u64,
    is_automatic: bool,
}

#[derive(Debug, Serialize)]
struct OutcomeJson {
    run: u64,
    verdict: Option<&'static str>,
    content: String,
    agent: String,
}

impl Memory {
    /// All tests, or those with this name.
    pub(super) async fn read(&self, name: &str) -> Result<Vec<v1::RememberedTest>, Failure> {
        let project = self.project()?;
        let fleet = Fleet::to_read(&self.place).await?;
        let tests = fleet.client().remembered(&project, name).await;
        fleet.shut_down().await;
        let mut tests = tests?;
        tests.sort_by(|one, other| (&one.job, &one.name).cmp(&(&other.job, &other.name)));
        Ok(tests)
    }

    /// Who answers for the files of the current folder.
    pub(super) fn owners(&self) -> Result<Owners, Failure> {
        Owners::find(&current_folder()?)
    }

    /// What is said where nothing is remembered.
    pub(super) fn nothing(&self) -> Result<String, Failure> {
        Ok(format!("nothing is remembered of the tests of project {}; runs make the memory\n", self.project()?))
    }

    pub(super) fn project(&self) -> Result<String, Failure> {
        if let Some(project) = &self.project {
            return Ok(project.clone());
        }
        // A file may name its project; without one, or with one that is wrong, it is the folder's name.
        let of_file = PipelineFile::find(Path::new("."), None).and_then(|file| file.compile(Env::new()));
        match of_file {
            Ok(spec) => Ok(spec.project),
            Err(_) => Ok(Project::open(Path::new("."))?.name),
        }
    }
}

impl<'a> TestJson<'a> {
    fn of(test: &'a v1::RememberedTest, owners: &'a Owners) -> Self {
        let rate = FlakeRate::of(test);
        Self {
            job: &test.job,
            test: &test.name,
            mean_us: test.mean_us,
            high_us: test.high_us,
            passed: test.passed,
            failed: test.failed,
            flaky: test.flaky,
            flake_rate: rate.rate,
            flake_rate_low: rate.low,
            flake_rate_high: rate.high,
            first_seen_unix_ms: test.first_seen_unix_ms,
            last_seen_unix_ms: test.last_seen_unix_ms,
            last_run: test.last_run,
            owners: owners_of(test, owners),
            standing: standing_word(test.standing()),
            alarm_run: (test.alarm_run > 0).then_some(test.alarm_run),
            quarantine: test.quarantine.as_ref().map(|quarantine| QuarantineJson {
                owner: owner_of(test, quarantine, owners),
                reason: &quarantine.reason,
                since_unix_ms: quarantine.since_unix_ms,
                until_unix_ms: quarantine.until_unix_ms,
                is_automatic: quarantine.is_automatic,
            }),
            recent: test
                .recent
                .iter()
                .map(|outcome| OutcomeJson {
                    run: outcome.run,
                    verdict: verdict_word(outcome.verdict()),
                    content: format!("{:08x}", outcome.content),
                    agent: format!("{:08x}", outcome.agent),
                })
                .collect(),
        }
    }
}

/// Prints tests as a JSON array.
pub(super) fn print_tests_json(tests: &[v1::RememberedTest], owners: &Owners) -> Result<(), Failure> {
    print_json(&tests.iter().map(|test| TestJson::of(test, owners)).collect::<Vec<_>>())
}

/// Who answers for a test, where its id names a file.
pub(super) fn owners_of<'a>(test: &v1::RememberedTest, owners: &'a Owners) -> Vec<&'a str> {
    part(&test.name, None, &test.job).file.map(|file| owners.of(&file)).unwrap_or_default()
}

/// Who answers for a quarantine: the coordinator, which sees no files, names nobody for one that it began.
pub(super) fn owner_of(test: &v1::RememberedTest, quarantine: &v1::Quarantine, owners: &Owners) -> String {
    if quarantine.owner.is_empty() { owners_of(test, owners).join(" ") } else { quarantine.owner.clone() }
}

/// What is to be thought of a test, in a word.
pub(super) const fn standing_word(standing: v1::TestStanding) -> &'static str {
    match standing {
        v1::TestStanding::Unspecified => "unknown",
        v1::TestStanding::Healthy => "healthy",
        v1::TestStanding::Flaky => "flaky",
        v1::TestStanding::Broken => "broken",
    }
}

/// In how many of its last runs a test was flaky, with Wilson's interval of 95 %, as the coordinator reckons it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FlakeRate {
    /// As counted.
    pub(super) rate: f64,
    /// It is hardly less.
    pub(super) low: f64,
    /// It is hardly more.
    pub(super) high: f64,
}

impl FlakeRate {
    /// Of a test; of one without a run, nothing is known.
    pub(super) fn of(test: &v1::RememberedTest) -> Self {
        let rate = if test.flake_runs == 0 { 0.0 } else { f64::from(test.flakes) / f64::from(test.flake_runs) };
        Self { rate, low: test.flake_rate_low, high: test.flake_rate_high }
    }
}
