//! What can be wrong with a specification.

use thiserror::Error;

/// One thing that is wrong, and the job in which it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{problem}", job.as_ref().map_or_else(String::new, |job| format!("job `{job}`: ")))]
pub struct SpecError {
    job: Option<String>,
    problem: SpecProblem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpecProblem {
    /// A run without jobs.
    #[error("the run has no jobs; give it at least one")]
    NoJobs,
    /// Something that must not be empty is.
    #[error("{what} is empty")]
    Empty {
        /// What it is.
        what: String,
    },
    /// A name that cannot be shown.
    #[error("{what} holds a control character")]
    ControlCharacter {
        /// What it is.
        what: &'static str,
    },
    /// More bytes than allowed.
    #[error("{what} has {bytes} bytes; {most} are allowed")]
    TooLong {
        /// What it is.
        what: String,
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// More of something than allowed.
    #[error("{count} {what}; {most} are allowed")]
    TooMany {
        /// What it is.
        what: String,
        /// How many there are.
        count: usize,
        /// The limit.
        most: usize,
    },
    /// A number outside of its bounds.
    #[error("{what} is {value}; allowed is {least} to {most}")]
    OutOfBounds {
        /// What it is.
        what: &'static str,
        /// The number.
        value: u64,
        /// Least allowed.
        least: u64,
        /// Most allowed.
        most: u64,
    },
    /// Two things with one name.
    #[error("there are two {what}s with the name `{name}`")]
    Duplicate {
        /// What they are.
        what: &'static str,
        /// Their name.
        name: String,
    },
    /// A variable that no process can be given.
    #[error("the variable `{name}` {reason}")]
    BadVariable {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A path that leaves the workspace or is none.
    #[error("the path `{path}` {reason}")]
    BadPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A need that does not stand before the job.
    #[error("needs `{need}`, which does not stand before it in the run")]
    NeedNotBefore {
        /// The need.
        need: String,
    },
    /// An input from a job that is not needed.
    #[error("takes over an artifact of `{job}`, which it does not need")]
    InputNotNeeded {
        /// The job that makes it.
        job: String,
    },
    /// An input that nobody hands over.
    #[error("takes over the artifact `{artifact}`, which `{job}` does not hand over")]
    UnknownArtifact {
        /// The job that should make it.
        job: String,
        /// Its name.
        artifact: String,
    },
    /// A test job without what its runner runs.
    #[error("its runner needs a build: it must take over the artifact `test-build` of a build job")]
    NoBuild,
    /// Something that a job spread over many agents cannot have.
    #[error("a test job cannot have {what}: its tests run on many agents")]
    NotForTests {
        /// What it is.
        what: &'static str,
    },
    /// A scope that the names of a runner do not tell.
    #[error(
        "the names of {runner} do not tell the {scope} of a test; see the page of the runners for the scopes it has"
    )]
    ScopeNotTold {
        /// The runner.
        runner: &'static str,
        /// The scope.
        scope: &'static str,
    },
    /// A unit of tests that exclude each other, run by something that may run them at one time.
    #[error("{runner} may run the tests of one batch at one time, so it cannot have both a scope and groups of tests")]
    ScopeWithGroups {
        /// The runner.
        runner: &'static str,
    },
    /// Tests are selected of something that has none.
    #[error("tests are selected of `{job}`, which is no test job of the run")]
    SelectionOfNoTests {
        /// What it is called.
        job: String,
    },
    /// A text or condition that cannot be computed.
    #[error("{what}: {message}")]
    BadExpression {
        /// Where it stands.
        what: String,
        /// What is wrong with it.
        message: String,
    },
}

impl SpecError {
    pub(super) const fn new(job: Option<String>, problem: SpecProblem) -> Self {
        Self { job, problem }
    }

    /// Name of the job in which it is, if it is in one.
    #[must_use]
    pub fn job(&self) -> Option<&str> {
        self.job.as_deref()
    }

    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &SpecProblem {
        &self.problem
    }
}
