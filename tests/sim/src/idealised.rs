//! What idealised agents say and are asked to do, in every experiment that has no session between them and the scheduler.

use std::collections::BTreeMap;

use muster_common::control::{Discovered, Finished, Open, Seal};
use muster_common::id::{AgentLife, AgentName, TestIndex, Token};
use muster_common::limits::TESTS_PER_MESSAGE_MAX;
use muster_common::outcome::AttemptOutcome;
use muster_common::spec::{JobSpec, RunSpec, Runner, TestSpec, Work};
use muster_common::time::{Monotonic, Now, Wall};
use sha2::{Digest as _, Sha256};

/// An agent with one slot comes and holds nothing.
pub(crate) fn open(agent: AgentName) -> Open {
    Open {
        agent,
        life: AgentLife(1),
        number: 1,
        labels: BTreeMap::new(),
        slots: 1,
        version: "1".to_owned(),
        features: Vec::new(),
        held: Vec::new(),
        is_draining: false,
    }
}

/// A run of one suite.
pub(crate) fn run_of_tests(project: &str, name: &str, timeout_ms: u64) -> RunSpec {
    let work = Work::Tests(TestSpec::new(Runner::Pytest { args: Vec::new() }));
    let job = JobSpec { timeout_ms, queue_timeout_ms: timeout_ms, ..JobSpec::new(SUITE, work) };
    RunSpec { project: project.to_owned(), name: name.to_owned(), jobs: vec![job], ..RunSpec::default() }
}

/// The list of a suite's tests in as many messages as it takes, and what seals it.
pub(crate) fn discovery(token: Token, names: &[&str]) -> (Vec<Discovered>, Seal) {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    let parts = (0..).step_by(TESTS_PER_MESSAGE_MAX).zip(names.chunks(TESTS_PER_MESSAGE_MAX));
    let messages = parts.map(|(first, part)| {
        let tests = part.iter().map(|name| (*name).to_owned()).collect();
        Discovered { token, first: TestIndex(first), tests }
    });
    (messages.collect(), Seal { count: names.len() as u32, sha256: hash.finalize().into() })
}

/// An attempt has ended, and has written nothing.
pub(crate) fn finished(token: Token, outcome: AttemptOutcome, seal: Option<Seal>) -> Finished {
    Finished {
        token,
        outcome,
        log_bytes: 0,
        is_log_complete: true,
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
        seal,
    }
}

/// Both clocks, so long after the beginning.
pub(crate) fn now(at_us: u64) -> Now {
    Now { monotonic: Monotonic { micros: at_us }, wall: Wall { unix_ms: 1_700_000_000_000 + at_us / 1_000 } }
}

/// The name of the one test job of a run.
pub(crate) const SUITE: &str = "unit";
