//! What a client was told of a run, event by event: a result that it has heard of is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::moment::Moment;
use super::site::{Site, wait_for};
use crate::junit::{self, Verdict};
use crate::process::{Ended, Process};

/// `muster run --json` while it runs.
#[derive(Debug)]
pub struct Watch {
    process: Process,
    junit: PathBuf,
}

/// What it said in all.
#[derive(Debug)]
pub struct Watched {
    /// Events, with the moment in which each was written.
    pub events: Vec<(Moment, Value)>,
    /// How often each verdict stands in the JUnit report of each test.
    pub verdicts: BTreeMap<String, BTreeMap<Verdict, u32>>,
    /// How the command ended.
    pub ended: Ended,
}

impl Watch {
    /// Submits the pipeline of a folder and watches its run.
    #[must_use]
    pub fn begin(site: &Site, folder: &Path) -> Self {
        let name = folder.parent().and_then(Path::file_name).expect("a suite lies in a home").to_string_lossy();
        let junit = site.home().join(format!("{name}.xml"));
        let folder = folder.display().to_string();
        let mut command = site.muster(&["run", &folder, "--json", "--junit", &junit.display().to_string()]);
        Self { process: Process::start("muster run", &mut command), junit }
    }

    /// The number of the run, once it is accepted.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn run(&self) -> String {
        self.process.find_line("number of the run", |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == "run_submitted").then(|| event["run"].to_string())
        })
    }

    /// Events up to now.
    #[must_use]
    pub fn events(&self) -> Vec<(Moment, Value)> {
        self.process.stdout_lines().iter().filter_map(|line| event(line)).collect()
    }

    /// Waits until at least so many tries of tests have ended, as far as the client knows.
    pub fn wait_for_results(&self, count: usize) {
        let heard = || self.events().iter().filter(|(_, event)| event["event"] == "test_finished").count();
        wait_for(&format!("{count} results"), || heard() >= count);
    }

    /// Waits for its end.
    #[must_use]
    pub fn end(self) -> Watched {
        let Self { process, junit } = self;
        let ended = process.wait();
        let events = ended.stdout.lines().filter_map(event).collect();
        let verdicts = if junit.exists() { junit::read(&junit).expect("it is well formed") } else { BTreeMap::new() };
        // Names come as `CLASS NAME`; our tests have no class.
        let verdicts = verdicts.into_iter().map(|(name, found)| (bare(&name), found)).collect();
        Watched { events, verdicts, ended }
    }
}

impl Watched {
    /// Results of tests: when it was known, test, try, verdict.
    pub fn results(&self) -> impl Iterator<Item = (Moment, &str, u64, Option<&str>)> {
        self.events.iter().filter(|(_, event)| event["event"] == "test_finished").map(|(at, event)| {
            let test = event["test"].as_str().unwrap_or_default();
            (*at, test, event["attempt"].as_u64().unwrap_or_default(), event["verdict"].as_str())
        })
    }

    /// Tests of which a result of this agent counted.
    #[must_use]
    pub fn tests_of(&self, agent: &str) -> BTreeSet<String> {
        let of_agent = self.events.iter().filter(|(_, event)| event["agent"] == agent);
        of_agent.filter_map(|(_, event)| event["test"].as_str()).map(str::to_owned).collect()
    }

    /// When the run's verdict was known.
    #[must_use]
    pub fn finished(&self) -> Option<Moment> {
        self.events.iter().find(|(_, event)| event["event"] == "run_finished").map(|(at, _)| *at)
    }

    /// Seconds from a moment to the first result after it.
    #[must_use]
    pub fn next_result(&self, after: Moment) -> Option<f64> {
        let later = self.results().map(|(at, ..)| at).chain(self.finished());
        later.filter(|at| *at > after).map(|at| at.since(after)).min_by(f64::total_cmp)
    }
}

fn event(line: &str) -> Option<(Moment, Value)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let at = Moment::of_unix_ms(event["unix_ms"].as_f64()?);
    Some((at, event))
}

fn bare(name: &str) -> String {
    name.rsplit(' ').next().unwrap_or(name).to_owned()
}
