//! The keys of every mapping in a file, and those of GitHub Actions that are refused, with the reason.

/// What a mapping may hold.
pub(in crate::pipeline) struct Keys {
    /// Words for messages: "a job".
    pub(in crate::pipeline) what: &'static str,
    /// What a mapping of this kind must have, for messages.
    pub(in crate::pipeline) needed: &'static str,
    pub(in crate::pipeline) known: &'static [&'static str],
    /// Keys with a meaning elsewhere, and why they are not taken here.
    pub(in crate::pipeline) refused: &'static [(&'static str, &'static str)],
}

pub(super) const FILE: Keys = Keys {
    what: "a pipeline",
    needed: "`jobs`",
    known: &["name", "project", "env", "defaults", "jobs"],
    refused: &[
        ("on", "Muster has no triggers: the caller decides when a pipeline runs; remove it"),
        ("run-name", "a run is named by `name`"),
        ("permissions", "Muster gives jobs no access to a forge; remove it"),
        ("concurrency", "it is not supported yet"),
    ],
};

pub(super) const DEFAULTS: Keys = Keys { what: "`defaults`", needed: "`run`", known: &["run"], refused: &[] };

pub(super) const RUN_DEFAULTS: Keys = Keys {
    what: "`defaults.run`",
    needed: "`shell` or `working-directory`",
    known: &["shell", "working-directory"],
    refused: &[],
};

pub(super) const JOB: Keys = Keys {
    what: "a job",
    needed: "`steps`",
    known: &[
        "name",
        "needs",
        "runs-on",
        "if",
        "env",
        "strategy",
        "timeout-minutes",
        "queue-timeout-minutes",
        "repeatable",
        "continue-on-error",
        "defaults",
        "outputs",
        "steps",
        "artifacts",
        "download",
    ],
    refused: &[
        ("run", "a job's commands stand in `steps`: `steps: [{run: …}]`"),
        ("test", "a test suite is a step: `steps: [{test: …}]`"),
        ("container", "it is not supported yet: steps run on the agent itself"),
        ("services", "it is not supported yet: start what the job needs in a step"),
        ("permissions", "Muster gives jobs no access to a forge; remove it"),
        ("environment", "it is not supported yet"),
        ("concurrency", "it is not supported yet"),
        ("uses", "reusable workflows are not supported yet"),
        ("with", "reusable workflows are not supported yet"),
        ("secrets", "secrets are not supported yet"),
    ],
};

pub(super) const STRATEGY: Keys = Keys {
    what: "`strategy`",
    needed: "`matrix`",
    known: &["matrix", "fail-fast"],
    refused: &[("max-parallel", "it is not supported yet; how much runs at one time follows from the agents' slots")],
};

pub(super) const RUN_STEP: Keys = Keys {
    what: "a `run` step",
    needed: "`run`",
    known: &["id", "name", "if", "run", "shell", "env", "working-directory", "timeout-minutes", "continue-on-error"],
    refused: &[
        ("uses", "actions are not supported yet; write what it does as `run`"),
        ("with", "actions are not supported yet; write what it does as `run`"),
    ],
};

pub(super) const TEST_STEP: Keys = Keys {
    what: "a `test` step",
    needed: "`test`",
    known: &["name", "test"],
    refused: &[
        ("id", "nothing comes after a `test` step in its job; jobs that need it see `needs.<job>.result`"),
        ("if", "put it on the job"),
        ("env", "put it on the job: it holds for the test suite and for the steps before it"),
        ("shell", "a test suite is run by its runner; only `run` steps have a shell"),
        ("working-directory", "put it under `test`"),
        ("timeout-minutes", "put it on the job for the whole suite, or under `test` for each test"),
        ("continue-on-error", "put it on the job"),
        ("uses", "actions are not supported yet"),
        ("with", "what the runner takes stands under `test`"),
    ],
};

pub(super) const TEST: Keys = Keys {
    what: "`test`",
    needed: "`runner`",
    known: &[
        "runner",
        "args",
        "retries",
        "parallel",
        "timeout-minutes",
        "working-directory",
        "list",
        "run",
        "results",
        "format",
        "prepare",
        "scope",
        "groups",
        "cache-discovery",
    ],
    refused: &[
        ("test-groups", "write `groups`"),
        ("dist", "write `scope: class` or `scope: file`"),
        ("concurrency", "tests that exclude each other stand in `groups`, each with a `limit`"),
        ("shards", "tests are dealt out to as many shards as there are slots; `parallel` sets the most"),
        ("quarantine", "it is not supported yet"),
        ("target-duration", "it is not supported yet"),
        ("env", "put it on the job"),
    ],
};

pub(super) const PREPARE: Keys =
    Keys { what: "`prepare`", needed: "`run` and `paths`", known: &["run", "paths"], refused: &[] };

pub(super) const TEST_GROUP: Keys = Keys {
    what: "a group of tests",
    needed: "`name` and `match`",
    known: &["name", "match", "limit"],
    refused: &[
        ("max-threads", "write `limit`"),
        ("concurrency", "write `limit`"),
        ("filter", "write `match`: patterns of the tests' names"),
    ],
};

pub(super) const ARTIFACT: Keys = Keys {
    what: "an artifact",
    needed: "`name` and `paths`",
    known: &["name", "paths"],
    refused: &[("path", "write `paths`; it takes a text or a list"), ("retention-days", "it is not supported yet")],
};

pub(super) const DOWNLOAD: Keys =
    Keys { what: "a download", needed: "`job` and `name`", known: &["job", "name", "path"], refused: &[] };

/// Every table, with the name of its type in the schema.
#[cfg(test)]
pub(in crate::pipeline) const TABLES: &[(&str, &Keys)] = &[
    ("PipelineFile", &FILE),
    ("Defaults", &DEFAULTS),
    ("RunDefaults", &RUN_DEFAULTS),
    ("Job", &JOB),
    ("Strategy", &STRATEGY),
    ("RunStep", &RUN_STEP),
    ("TestStep", &TEST_STEP),
    ("TestOptions", &TEST),
    ("Prepare", &PREPARE),
    ("TestGroup", &TEST_GROUP),
    ("Artifact", &ARTIFACT),
    ("Download", &DOWNLOAD),
];
