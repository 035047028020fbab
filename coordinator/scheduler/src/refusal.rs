//! Expected refusals: what a caller asked for cannot be had.

use muster_common::id::{AgentName, RunId};
use muster_common::requirement::Requirement;

/// Why a caller's wish is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No open run has this number. (A retired one may: the shell looks there.)
    #[error("there is no run {run}")]
    RunUnknown {
        /// The number.
        run: RunId,
    },
    /// No agent of this name has a session.
    #[error("there is no agent named `{agent}`")]
    AgentUnknown {
        /// The name.
        agent: AgentName,
    },
    /// Nothing is remembered of the test.
    #[error("nothing is remembered of a test `{name}` of project {project}; its first run makes the memory")]
    TestUnknown {
        /// Its project.
        project: String,
        /// Its name.
        name: String,
    },
    /// The test fails in every try.
    #[error(
        "test `{name}` of project {project} is broken, not flaky: it fails in every try; mend it, or leave it out of the run"
    )]
    TestBroken {
        /// Its project.
        project: String,
        /// Its name.
        name: String,
    },
    /// The quarantine would be over before it began.
    #[error(
        "the quarantine of test `{name}` of project {project} would have ended {ago_s} s ago by the coordinator's clock; \
         name a later end"
    )]
    QuarantineOver {
        /// Its project.
        project: String,
        /// Its name.
        name: String,
        /// How long ago, in seconds.
        ago_s: u64,
    },
    /// The test is not in quarantine.
    #[error("test `{name}` of project {project} is not in quarantine")]
    TestNotQuarantined {
        /// Its project.
        project: String,
        /// Its name.
        name: String,
    },
    /// The agent is not fenced off.
    #[error("agent `{agent}` is not fenced off")]
    AgentNotFenced {
        /// The name.
        agent: AgentName,
    },
    /// Too many runs are open.
    #[error("{open} runs are open, which is the limit; submit again when some have ended")]
    TooManyRuns {
        /// How many.
        open: usize,
    },
    /// No connected agent and no declared pool has what a job asks for.
    #[error(
        "no agent can ever run job `{job}`: none has all of [{}]{}",
        list(.requirements),
        offered(.nearest)
    )]
    Unsatisfiable {
        /// The job's name.
        job: String,
        /// What it asks for.
        requirements: Vec<Requirement>,
        /// Of the agents' label sets the one that comes nearest, as `key=value` texts; empty if there are no agents.
        nearest: Vec<String>,
    },
}

fn list(requirements: &[Requirement]) -> String {
    requirements.iter().map(|requirement| requirement.0.as_str()).collect::<Vec<_>>().join(", ")
}

fn offered(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; the nearest has [{}]", nearest.join(", ")) }
}
