//! Work whose verdicts and logs are known beforehand, and which writes down what it really did.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ledger::Ledger;
use crate::junit::Verdict;

/// A folder with a pipeline, and a ledger beside it.
#[derive(Debug)]
pub struct Workload {
    home: TempDir,
    /// Tests of the suite; none for a deploy.
    pub tests: u32,
}

/// A suite of tests, the first of which always fails and the second of which is flaky.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// How many.
    pub tests: u32,
    /// How long each takes, as `sleep` reads it.
    pub seconds: &'static str,
    /// Lines of log of each, of [`LINE_BYTES`].
    pub lines: u32,
    /// The label of the agents on which it runs, if not on all.
    pub role: Option<&'static str>,
}

impl Workload {
    /// Makes a suite.
    #[must_use]
    pub fn suite(suite: Suite) -> Self {
        let workload = Self::new(suite.tests);
        let place = suite.role.map(|role| format!("    runs-on: role={role}\n")).unwrap_or_default();
        workload
            .write("list.sh", &format!("i=1; while [ $i -le {} ]; do echo test-$i; i=$((i+1)); done\n", suite.tests));
        workload.write("muster.yml", &SUITE.replace("@PLACE@", &place));
        let script = RUN.replace("@SECONDS@", suite.seconds).replace("@LINES@", &suite.lines.to_string());
        workload.write("run.sh", &workload.fill(&script));
        workload
    }

    /// Makes a job that is not safe to repeat, on the agents of this label. It goes on until [`Self::let_end`].
    #[must_use]
    pub fn deploy(role: &str) -> Self {
        let workload = Self::new(0);
        workload.write("muster.yml", &DEPLOY.replace("@ROLE@", role));
        workload.write("deploy.sh", &workload.fill(PULSES));
        workload
    }

    fn new(tests: u32) -> Self {
        let home = tempfile::Builder::new().prefix("muster-work-").tempdir().expect("a temporary folder can be made");
        let workload = Self { home, tests };
        fs::create_dir(workload.folder()).expect("it is new");
        fs::write(workload.ledger_file(), "").expect("its folder is new");
        workload
    }

    fn fill(&self, script: &str) -> String {
        let pad = "x".repeat(PAD_BYTES);
        let script = format!("{NOTE}{script}");
        script
            .replace("@LEDGER@", &self.ledger_file().display().to_string())
            .replace("@ENOUGH@", &self.enough_file().display().to_string())
            .replace("@PAD@", &pad)
    }

    /// The folder to be run.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("suite")
    }

    /// What the work wrote down up to now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::read(&self.ledger_file())
    }

    /// Lets a deploy come to its end.
    pub fn let_end(&self) {
        fs::write(self.enough_file(), "").expect("its home can be written");
    }

    /// The verdict that a test must get.
    #[must_use]
    pub fn verdict(test: &str) -> Verdict {
        match test {
            "test-1" => Verdict::Failed,
            "test-2" => Verdict::Flaky,
            _ => Verdict::Passed,
        }
    }

    /// Line `number` of the log of a process, as it must stand in the run's log.
    #[must_use]
    pub fn log_line(token: &str, process: u32, number: u32) -> String {
        format!("log {token} {process} {number} {}", "x".repeat(PAD_BYTES))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("the suite's folder can be written");
    }

    fn ledger_file(&self) -> PathBuf {
        self.home.path().join("ledger")
    }

    fn enough_file(&self) -> PathBuf {
        self.home.path().join("enough")
    }

    /// Its home.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

const SUITE: &str = "\
name: suite
jobs:
  tests:
@PLACE@    steps:
      - test:
          runner: generic
          list: sh list.sh
          run: sh run.sh {tests_file}
          results: results.xml
";

const DEPLOY: &str = "\
name: deploy
jobs:
  deploy:
    runs-on: role=@ROLE@
    repeatable: false
    steps:
      - run: sh deploy.sh
";

/// Functions of all scripts. A log goes to what was their standard output.
const NOTE: &str = r#"
exec 3>&1
lines=0
note() {
    read -r up rest < /proc/uptime
    echo "$1 $2 $3 $MUSTER_FENCING_TOKEN $MUSTER_AGENT $$ $up" >> '@LEDGER@'
}
speak() {
    i=0
    while [ $i -lt $1 ]; do
        lines=$((lines+1)); i=$((i+1))
        echo "log $MUSTER_FENCING_TOKEN $$ $lines @PAD@" >&3
    done
}
"#;

const RUN: &str = r#"
try=${MUSTER_TEST_ATTEMPT:-1}
{
    echo '<testsuite name="suite">'
    while IFS= read -r name; do
        note begin $name $try
        speak @LINES@
        sleep @SECONDS@
        verdict=passed
        [ $name = test-1 ] && verdict=failed
        [ $name = test-2 ] && [ $try = 1 ] && verdict=failed
        if [ $verdict = passed ]; then
            echo "<testcase name=\"$name\"/>"
        else
            echo "<testcase name=\"$name\"><failure message=\"it said no\">in full</failure></testcase>"
        fi
        note end $name $try
    done < "$1"
    echo '</testsuite>'
} > results.xml
note logged log $lines
"#;

const PULSES: &str = r#"
note begin deploy 1
while ! [ -e '@ENOUGH@' ]; do
    note pulse deploy 1
    speak 1
    sleep 0.1
done
note end deploy 1
note logged log $lines
"#;

const PAD_BYTES: usize = 80;
/// About the length of a line of a log.
pub const LINE_BYTES: usize = PAD_BYTES + 24;
