//! A suite made for a test: shell scripts under the generic runner, which write down what really ran.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder with a pipeline and scripts, and a ledger beside it to which every test appends a line when it begins and
/// one when it ends, in its own words: `begin NAME ATTEMPT PID`, `end NAME ATTEMPT PID`.
#[derive(Debug)]
pub struct LedgerSuite {
    home: TempDir,
}

/// What the ledger says of one test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// How often it began.
    pub began: u32,
    /// How often it ended.
    pub ended: u32,
}

impl LedgerSuite {
    /// A suite of `count` tests that each take `seconds` (as `sleep` reads it) and pass. `body` is shell code that is
    /// run within each test, with its name in `$name` and the number of its try in `$MUSTER_TEST_ATTEMPT`; it fails
    /// the test by `verdict=failed`.
    #[must_use]
    pub fn new(count: u32, seconds: &str, body: &str) -> Self {
        let home = tempfile::Builder::new().prefix("muster-suite-").tempdir().expect("a temporary folder can be made");
        let suite = Self { home };
        fs::create_dir(suite.directory()).expect("it is new");
        fs::write(suite.ledger(), "").expect("its folder is new");
        let ledger = suite.ledger();
        let run = RUN.replace("@LEDGER@", &ledger.display().to_string());
        let run = run.replace("@SECONDS@", seconds).replace("@BODY@", body);
        suite.write("list.sh", &format!("i=1; while [ $i -le {count} ]; do echo test-$i; i=$((i+1)); done\n"));
        suite.write("run.sh", &run);
        suite.write("muster.yml", PIPELINE);
        suite
    }

    /// Sets further keys of the suite's `test` step, each a line such as `retries: 0`.
    pub fn set(&self, keys: &[&str]) {
        let lines: String = keys.iter().map(|key| format!("          {key}\n")).collect();
        self.write("muster.yml", &format!("{PIPELINE}{lines}"));
    }

    /// The folder to be run.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.home.path().join("suite")
    }

    /// The folder as text.
    ///
    /// # Panics
    /// If temporary folders are not UTF-8 here.
    #[must_use]
    pub fn path(&self) -> String {
        self.directory().to_str().expect("temporary folders are UTF-8").to_owned()
    }

    /// Writes a file of the suite.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.directory().join(name), text).expect("the suite's folder can be written");
    }

    /// What really ran, by test.
    ///
    /// # Panics
    /// If the ledger cannot be read.
    #[must_use]
    pub fn ran(&self) -> BTreeMap<String, Ran> {
        read_ledger(&self.ledger())
    }

    /// The ledger's file.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.home.path().join("ledger")
    }
}

fn read_ledger(path: &Path) -> BTreeMap<String, Ran> {
    let mut ran: BTreeMap<String, Ran> = BTreeMap::new();
    for line in fs::read_to_string(path).expect("the ledger is there").lines() {
        let mut words = line.split(' ');
        let (word, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let of = ran.entry(name.to_owned()).or_default();
        match word {
            "begin" => of.began += 1,
            "end" => of.ended += 1,
            _ => panic!("the ledger has a line that no test wrote: {line}"),
        }
    }
    ran
}

const PIPELINE: &str = "\
name: ledger
jobs:
  tests:
    steps:
      - test:
          runner: generic
          list: sh list.sh
          run: sh run.sh {tests_file}
          results: results.xml
";

const RUN: &str = r#"
{
    echo '<testsuite name="ledger">'
    while IFS= read -r name; do
        echo "begin $name $MUSTER_TEST_ATTEMPT $$" >> "@LEDGER@"
        verdict=passed
        sleep @SECONDS@
        @BODY@
        echo "end $name $MUSTER_TEST_ATTEMPT $$" >> "@LEDGER@"
        if [ $verdict = passed ]; then
            echo "<testcase name=\"$name\"/>"
        else
            echo "<testcase name=\"$name\"><failure message=\"it said no\">in full</failure></testcase>"
        fi
    done < "$1"
    echo '</testsuite>'
} > results.xml
"#;
