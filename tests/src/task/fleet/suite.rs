//! The suite: tests that sleep as long as their ids say.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use muster_sim::makespan::Suite;

/// Tests that sleep.
pub(super) struct Sleepers {
    seconds: Vec<f64>,
    /// Every agent makes a file in it before its first test.
    starts: OnceLock<PathBuf>,
}

impl Sleepers {
    /// Tests of seeded durations, log-normal with a heavy tail.
    pub(super) fn drawn(seed: u64, tests: usize, scale: f64) -> Self {
        let suite = Suite::drawn(seed, tests, LONGEST_S);
        let seconds = suite.cases.iter().map(|case| case.real_us as f64 / 1e6 * scale).collect();
        Self { seconds, starts: OnceLock::new() }
    }

    /// No dealing on so many slots can be faster, in seconds.
    pub(super) fn bound(&self, slots: usize) -> f64 {
        self.longest().max(self.total() / slots as f64)
    }

    /// What is run, for people.
    pub(super) fn described(&self, slots: usize) -> String {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        format!(
            "{} tests of {:.0} s together, the median {median:.1} s, the mean {:.1} s, the longest {:.1} s: on {slots} slots \
             the bound is {:.1} s",
            sorted.len(),
            self.total(),
            self.total() / sorted.len() as f64,
            self.longest(),
            self.bound(slots)
        )
    }

    /// Writes the project of these tests.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let starts = self.starts.get_or_init(|| folder.with_extension("starts"));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut ids = String::new();
        for (number, seconds) in self.seconds.iter().enumerate() {
            writeln!(ids, "test-{number}@{seconds:.3}")?;
        }
        fs::write(folder.join("tests.txt"), ids)?;
        fs::write(folder.join("run.sh"), RUN.replace("STARTS", &starts.display().to_string()))?;
        fs::write(folder.join("muster.yml"), PIPELINE)?;
        Ok(())
    }

    /// Makes the next run's starts its own.
    pub(super) fn forget_starts(&self) -> Result<()> {
        let folder = self.folder()?;
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
    }

    /// When the first agent and when the last one began its first test, in seconds since 1970.
    pub(super) fn first_starts(&self) -> Result<(f64, f64)> {
        let (mut first, mut last) = (f64::INFINITY, 0.0_f64);
        for entry in fs::read_dir(self.folder()?)? {
            let moment = entry?.metadata()?.modified()?.duration_since(UNIX_EPOCH)?.as_secs_f64();
            (first, last) = (first.min(moment), last.max(moment));
        }
        if last == 0.0 {
            bail!("no agent has begun a test");
        }
        Ok((first, last))
    }

    fn folder(&self) -> Result<&Path> {
        self.starts.get().map(PathBuf::as_path).context("the project is not written")
    }

    fn total(&self) -> f64 {
        self.seconds.iter().sum()
    }

    fn longest(&self) -> f64 {
        self.seconds.iter().copied().fold(0.0, f64::max)
    }
}

/// The longest test before it is scaled, in seconds.
const LONGEST_S: f64 = 20.0;

const PIPELINE: &str = "name: fleet
jobs:
  sleep:
    steps:
      - test:
          runner: generic
          list: cat tests.txt
          run: sh run.sh {tests_file}
          results: results/*.xml
";

const RUN: &str = r#"mkdir -p results
[ -e "STARTS/$MUSTER_AGENT" ] || : > "STARTS/$MUSTER_AGENT"
{
  printf '<testsuite name="sleep">\n'
  while IFS= read -r id; do
    sleep "${id##*@}"
    printf '<testcase name="%s" time="%s"/>\n' "$id" "${id##*@}"
  done < "$1"
  printf '</testsuite>\n'
} > results/all.xml
"#;
