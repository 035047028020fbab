//! What lists and runs tests, by the names that files and people use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What lists and runs tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Runner {
    /// `cargo nextest`, built once with `cargo nextest archive`.
    CargoNextest {
        /// Further arguments for build and list, such as `--features x`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `cargo test` on the standard test harness, doc tests included.
    CargoTest {
        /// Further arguments for build and list, such as `--features x`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `python -m pytest`.
    Pytest {
        /// Further arguments, such as paths or `-m "not slow"`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `python -m unittest`.
    Unittest {
        /// Further arguments as `python -m unittest` takes them, such as `discover -s tests`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `go test`, each package compiled once with `go test -c`.
    Go {
        /// Packages and flags, such as `./... -race`; none: `./...`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Jest.
    Jest {
        /// Further arguments, such as `--config x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Vitest.
    Vitest {
        /// Further arguments, such as `--project x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Mocha.
    Mocha {
        /// Further arguments, such as `--config x` or files.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Playwright Test.
    Playwright {
        /// Further arguments, such as `--project x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Test executables that are made with GoogleTest.
    Googletest {
        /// The executables, as patterns beneath the working directory, and flags for them.
        #[serde(default)]
        args: Vec<String>,
    },
    /// `ctest` in a build tree that stands.
    Ctest {
        /// Further arguments, such as `--test-dir build` or `-L unit`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// RSpec.
    Rspec {
        /// Further arguments, such as `--tag fast` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Minitest.
    Minitest {
        /// Test files as patterns, and folders for `ruby -I`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// PHPUnit.
    Phpunit {
        /// Further arguments, such as `--configuration x` or paths.
        #[serde(default)]
        args: Vec<String>,
    },
    /// JUnit and TestNG by Maven Surefire.
    Maven {
        /// Further arguments of `mvn`, such as `-pl core`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// JUnit and TestNG by Gradle.
    Gradle {
        /// Further arguments of `gradle`; words without a dash are test tasks, by default `test`.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Any other runner, by two commands and a file of results.
    Generic {
        /// Command that prints the tests, one id a line.
        list: String,
        /// Command that runs exactly the tests named in the file `$MUSTER_TESTS_FILE`, one id a line. `{tests_file}` in
        /// it stands for that file's path.
        run: String,
        /// Where its results are found after `run`, beneath the working directory; `*` and `**` match names.
        results: Vec<String>,
        /// What they are written in.
        #[serde(default, skip_serializing_if = "ResultFormat::is_junit")]
        format: ResultFormat,
    },
}

/// What a file of results is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResultFormat {
    /// JUnit XML, in any of its kinds.
    #[default]
    Junit,
    /// Test Anything Protocol, versions 12 to 14.
    Tap,
    /// Common Test Report Format.
    Ctrf,
    /// What `go test -json` prints.
    GoTest,
    /// What Rust's test harness prints with `--format json`.
    Libtest,
}

impl Runner {
    /// The names by which files and people choose a runner.
    pub const NAMES: [&'static str; 17] = [
        "cargo-nextest",
        "cargo-test",
        "pytest",
        "unittest",
        "go",
        "jest",
        "vitest",
        "mocha",
        "playwright",
        "googletest",
        "ctest",
        "rspec",
        "minitest",
        "phpunit",
        "maven",
        "gradle",
        "generic",
    ];

    /// The runner of this name, with its arguments; none if there is no such runner, or if it takes more than arguments.
    #[must_use]
    pub fn named(name: &str, args: Vec<String>) -> Option<Self> {
        Some(match name {
            "cargo-nextest" => Self::CargoNextest { args },
            "cargo-test" => Self::CargoTest { args },
            "pytest" => Self::Pytest { args },
            "unittest" => Self::Unittest { args },
            "go" => Self::Go { args },
            "jest" => Self::Jest { args },
            "vitest" => Self::Vitest { args },
            "mocha" => Self::Mocha { args },
            "playwright" => Self::Playwright { args },
            "googletest" => Self::Googletest { args },
            "ctest" => Self::Ctest { args },
            "rspec" => Self::Rspec { args },
            "minitest" => Self::Minitest { args },
            "phpunit" => Self::Phpunit { args },
            "maven" => Self::Maven { args },
            "gradle" => Self::Gradle { args },
            _ => return None,
        })
    }

    /// The name by which files and people choose it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CargoNextest { .. } => "cargo-nextest",
            Self::CargoTest { .. } => "cargo-test",
            Self::Pytest { .. } => "pytest",
            Self::Unittest { .. } => "unittest",
            Self::Go { .. } => "go",
            Self::Jest { .. } => "jest",
            Self::Vitest { .. } => "vitest",
            Self::Mocha { .. } => "mocha",
            Self::Playwright { .. } => "playwright",
            Self::Googletest { .. } => "googletest",
            Self::Ctest { .. } => "ctest",
            Self::Rspec { .. } => "rspec",
            Self::Minitest { .. } => "minitest",
            Self::Phpunit { .. } => "phpunit",
            Self::Maven { .. } => "maven",
            Self::Gradle { .. } => "gradle",
            Self::Generic { .. } => "generic",
        }
    }

    /// Its further arguments; none if it takes none.
    #[must_use]
    pub fn args(&self) -> Option<&[String]> {
        match self {
            Self::CargoNextest { args }
            | Self::CargoTest { args }
            | Self::Pytest { args }
            | Self::Unittest { args }
            | Self::Go { args }
            | Self::Jest { args }
            | Self::Vitest { args }
            | Self::Mocha { args }
            | Self::Playwright { args }
            | Self::Googletest { args }
            | Self::Ctest { args }
            | Self::Rspec { args }
            | Self::Minitest { args }
            | Self::Phpunit { args }
            | Self::Maven { args }
            | Self::Gradle { args } => Some(args),
            Self::Generic { .. } => None,
        }
    }

    /// Whether it needs a [`Work::TestBuild`](crate::spec::Work::TestBuild) before its tests can be listed.
    #[must_use]
    pub const fn needs_build(&self) -> bool {
        match self {
            Self::CargoNextest { .. } | Self::CargoTest { .. } | Self::Go { .. } => true,
            Self::Pytest { .. }
            | Self::Unittest { .. }
            | Self::Jest { .. }
            | Self::Vitest { .. }
            | Self::Mocha { .. }
            | Self::Playwright { .. }
            | Self::Googletest { .. }
            | Self::Ctest { .. }
            | Self::Rspec { .. }
            | Self::Minitest { .. }
            | Self::Phpunit { .. }
            | Self::Maven { .. }
            | Self::Gradle { .. }
            | Self::Generic { .. } => false,
        }
    }
}

impl ResultFormat {
    /// The names by which files and people choose a format.
    pub const NAMES: [&'static str; 5] = ["junit", "tap", "ctrf", "go-test", "libtest"];

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "junit" => Self::Junit,
            "tap" => Self::Tap,
            "ctrf" => Self::Ctrf,
            "go-test" => Self::GoTest,
            "libtest" => Self::Libtest,
            _ => return None,
        })
    }

    /// The name by which files and people choose it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Ctrf => "ctrf",
            Self::GoTest => "go-test",
            Self::Libtest => "libtest",
        }
    }

    /// Whether it is the format that is meant where none is named.
    #[must_use]
    pub const fn is_junit(&self) -> bool {
        match self {
            Self::Junit => true,
            Self::Tap | Self::Ctrf | Self::GoTest | Self::Libtest => false,
        }
    }
}
