//! What a plan has in it, by name: shows what the generator never makes.

use std::collections::BTreeSet;

use muster_common::spec::{JobSpec, TestScope, Work};

use crate::plan::{
    BadSeal, Deed, Departure, JobTruth, ListChange, Plan, RunPlan, ShardTrouble, Sickness, SuiteTruth, TestSort,
    WorkEnd, WorkTruth,
};

/// Everything that must be planned sometimes.
pub const ALL: &[&str] = &[
    "agent that joins late",
    "agent that drains and leaves",
    "agent that vanishes",
    "agent with a slow clock",
    "agent with a fast clock",
    "agent that is slow",
    "one agent",
    "many agents",
    "runs of several projects",
    "request sent again",
    "request id of another run",
    "no request id",
    "refuses what no agent can run",
    "few runs may be open",
    "short history",
    "steps",
    "test build",
    "test preparation",
    "runner with a build",
    "runner without a build",
    "matrix",
    "needs",
    "condition",
    "condition that cannot be computed",
    "condition on a need",
    "requirements",
    "requirements that nobody meets",
    "not repeatable",
    "may fail",
    "artifacts",
    "inputs",
    "outputs",
    "workspace",
    "selected tests",
    "selected tests that there are not",
    "setup steps",
    "tight time limit",
    "tight queue time limit",
    "queue time limit of a day",
    "limited parallel",
    "tests by class",
    "tests by file",
    "groups of tests",
    "groups and a scope",
    "new tests repeated",
    "changed tests repeated",
    "no retries",
    "thousands of tests",
    "no tests",
    "longest names",
    "names that are too long",
    "work fails",
    "work is errored",
    "work hangs",
    "work cancels itself",
    "work does not hand over an artifact",
    "work kills its agent",
    "work cannot be run somewhere",
    "discovery reversed at its second attempt",
    "discovery shrinks",
    "seal missing",
    "seal counts wrong",
    "seal of another list",
    "list names a test twice",
    "list cut off",
    "discovery in parts",
    "shards cannot be set up somewhere",
    "setup of shards fails",
    "setup of shards kills",
    "shards run nothing",
    "shards cut results",
    "shards break",
    "shard invents a result",
    "test passes",
    "test fails",
    "test is skipped",
    "test is flaky",
    "test fails on some agents",
    "test kills its agent",
    "test kills its agent too often",
    "test crashes its runner",
    "test hangs",
    "test is not run",
    "test is loud",
    "test takes long",
    "cancel",
    "look at a run",
    "look at a specification",
    "list runs",
    "list known tests",
    "list tests",
    "watch",
    "list agents",
    "overview",
    "trust an agent",
    "quarantine a test",
    "release a test",
    "drain",
    "unknown run",
];

/// How many tests a plan has.
#[must_use]
pub fn tests_of(plan: &Plan) -> usize {
    let suites = plan.runs.iter().flat_map(|run| &run.truth).map(|truth| match truth {
        JobTruth::Suite(suite) => suite.tests.len(),
        JobTruth::Work(_) => 0,
    });
    suites.sum()
}

/// What a plan has in it, of [`ALL`].
#[must_use]
pub fn of(plan: &Plan) -> BTreeSet<&'static str> {
    let mut found = Found::default();
    found.fleet(plan);
    found.policy(plan);
    for (place, run) in plan.runs.iter().enumerate() {
        found.run(run, &plan.runs[..place]);
        for (job, truth) in run.spec.jobs.iter().zip(&run.truth) {
            found.job(job, run);
            match truth {
                JobTruth::Work(work) => found.work(work),
                JobTruth::Suite(suite) => found.suite(suite),
            }
        }
    }
    plan.deeds.iter().for_each(|deed| found.deed(deed.deed));
    found.features
}

#[derive(Default)]
struct Found {
    features: BTreeSet<&'static str>,
}

impl Found {
    fn note(&mut self, feature: &'static str, is_there: bool) {
        if is_there {
            self.features.insert(feature);
        }
    }

    fn fleet(&mut self, plan: &Plan) {
        self.note("one agent", plan.agents.len() == 1);
        self.note("many agents", plan.agents.len() >= 10);
        for agent in &plan.agents {
            self.note("agent that joins late", agent.joins.as_secs() > 2);
            match agent.leaves {
                Some((_, Departure::Drains)) => self.note("agent that drains and leaves", true),
                Some((_, Departure::Vanishes)) => self.note("agent that vanishes", true),
                None => {}
            }
            self.note("agent with a slow clock", agent.drift_ppm < 0);
            self.note("agent with a fast clock", agent.drift_ppm > 0);
            self.note("agent that is slow", agent.speed_percent < 60);
        }
    }

    fn policy(&mut self, plan: &Plan) {
        self.note("refuses what no agent can run", plan.scheduler.refuse_unsatisfiable);
        self.note("few runs may be open", plan.scheduler.runs_open_max < plan.runs.len());
        self.note("short history", plan.scheduler.history_max < plan.runs.len());
        let projects: BTreeSet<&str> = plan.runs.iter().map(|run| run.spec.project.as_str()).collect();
        self.note("runs of several projects", projects.len() > 1);
    }

    fn run(&mut self, run: &RunPlan, before: &[RunPlan]) {
        self.note("request sent again", !run.again.is_empty());
        self.note("no request id", run.request_id.is_empty());
        let is_known = before.iter().any(|other| other.request_id == run.request_id);
        self.note("request id of another run", is_known && !run.request_id.is_empty());
        self.note("workspace", run.spec.workspace.is_some());
        for names in run.spec.only.values() {
            self.note("selected tests", true);
            self.note("selected tests that there are not", names.iter().any(|name| name == "no such test"));
        }
    }

    fn job(&mut self, job: &JobSpec, run: &RunPlan) {
        let group = run.spec.jobs.iter().filter(|other| other.group == job.group);
        self.note("matrix", group.count() > 1);
        let stress = run.spec.stress.as_ref();
        self.note("new tests repeated", stress.is_some_and(|stress| stress.changed.is_empty()));
        self.note("changed tests repeated", stress.is_some_and(|stress| !stress.changed.is_empty()));
        self.note("needs", !job.needs.is_empty());
        if let Some(condition) = &job.condition {
            self.note("condition", true);
            self.note("condition that cannot be computed", condition.contains("fromJSON"));
            self.note("condition on a need", condition.contains("needs."));
        }
        self.note("requirements", !job.requirements.is_empty());
        let is_unmet =
            job.requirements.iter().any(|asked| ["os=plan9", "quantum", "zone=mars"].contains(&asked.0.as_str()));
        self.note("requirements that nobody meets", is_unmet);
        self.note("not repeatable", !job.is_repeatable);
        self.note("may fail", job.may_fail);
        self.note("inputs", !job.inputs.is_empty());
        self.note("outputs", !job.outputs.is_empty());
        self.note("tight time limit", job.timeout_ms <= 60_000);
        self.note("tight queue time limit", job.queue_timeout_ms <= 60_000);
        self.note("queue time limit of a day", job.queue_timeout_ms >= 86_400_000);
        match &job.work {
            Work::Steps(_) => {
                self.note("steps", true);
                self.note("artifacts", !job.artifacts.is_empty());
                self.note("test preparation", job.name.ends_with("prepare"));
            }
            Work::TestBuild(_) => self.note("test build", true),
            Work::Tests(tests) => {
                self.note(
                    if tests.runner.needs_build() { "runner with a build" } else { "runner without a build" },
                    true,
                );
                self.note("setup steps", !tests.setup.is_empty());
                self.note("limited parallel", tests.parallel.is_some());
                self.note("no retries", tests.retries == 0);
                self.note("tests by class", tests.scope == TestScope::Class);
                self.note("tests by file", tests.scope == TestScope::File);
                self.note("groups of tests", !tests.groups.is_empty());
                self.note("groups and a scope", !tests.groups.is_empty() && !tests.scope.is_test());
            }
        }
    }

    fn work(&mut self, work: &WorkTruth) {
        match work.end {
            WorkEnd::Passes => {}
            WorkEnd::PassesWithoutArtifact => self.note("work does not hand over an artifact", true),
            WorkEnd::Fails(_) => self.note("work fails", true),
            WorkEnd::Errs(_) => self.note("work is errored", true),
            WorkEnd::Hangs => self.note("work hangs", true),
            WorkEnd::CancelsItself(_) => self.note("work cancels itself", true),
        }
        self.note("work kills its agent", work.kills > 0);
        self.sickness("work cannot be run somewhere", work.sickness.as_ref());
    }

    fn sickness(&mut self, feature: &'static str, sickness: Option<&Sickness>) {
        self.note(feature, sickness.is_some());
    }

    fn suite(&mut self, suite: &SuiteTruth) {
        self.work(&suite.discovery.work);
        match suite.discovery.change {
            ListChange::None => {}
            ListChange::Reversed => self.note("discovery reversed at its second attempt", true),
            ListChange::Shrinks => self.note("discovery shrinks", true),
        }
        match suite.discovery.seal {
            None => {}
            Some(BadSeal::Missing) => self.note("seal missing", true),
            Some(BadSeal::Count) => self.note("seal counts wrong", true),
            Some(BadSeal::Digest) => self.note("seal of another list", true),
            Some(BadSeal::Twice) => self.note("list names a test twice", true),
            Some(BadSeal::CutOff) => self.note("list cut off", true),
        }
        self.note("discovery in parts", suite.discovery.part < suite.tests.len());
        self.sickness("shards cannot be set up somewhere", suite.sickness.as_ref());
        match suite.trouble {
            ShardTrouble::None => {}
            ShardTrouble::SetupFails => self.note("setup of shards fails", true),
            ShardTrouble::SetupKills(_) => self.note("setup of shards kills", true),
            ShardTrouble::RunsNothing(_) => self.note("shards run nothing", true),
            ShardTrouble::CutsResults(_) => self.note("shards cut results", true),
            ShardTrouble::Breaks(_) => self.note("shards break", true),
            ShardTrouble::Invents => self.note("shard invents a result", true),
        }
        self.note("thousands of tests", suite.tests.len() >= 2_000);
        self.note("no tests", suite.tests.is_empty());
        for test in &suite.tests {
            self.note("longest names", test.name.len() == muster_common::limits::TEST_NAME_BYTES_MAX);
            self.note("names that are too long", test.name.len() > muster_common::limits::TEST_NAME_BYTES_MAX);
            self.note("test takes long", test.duration.as_millis() > 1_000);
            self.test(&test.sort);
        }
    }

    fn test(&mut self, sort: &TestSort) {
        match sort {
            TestSort::Passes => self.note("test passes", true),
            TestSort::Fails => self.note("test fails", true),
            TestSort::Skipped => self.note("test is skipped", true),
            TestSort::Flaky(_) => self.note("test is flaky", true),
            TestSort::FailsOn(_) => self.note("test fails on some agents", true),
            TestSort::KillsAgent(times) => {
                self.note("test kills its agent", true);
                self.note("test kills its agent too often", *times >= muster_common::limits::LOST_ATTEMPTS_MAX);
            }
            TestSort::CrashesRunner(_) => self.note("test crashes its runner", true),
            TestSort::Hangs => self.note("test hangs", true),
            TestSort::NotRun(_) => self.note("test is not run", true),
            TestSort::Loud => self.note("test is loud", true),
        }
    }

    fn deed(&mut self, deed: Deed) {
        match deed {
            Deed::Cancel(_) => self.note("cancel", true),
            Deed::GetRun(_) => self.note("look at a run", true),
            Deed::GetSpec(_) => self.note("look at a specification", true),
            Deed::ListTests { .. } => self.note("list known tests", true),
            Deed::ListRuns => self.note("list runs", true),
            Deed::ListRunTests { .. } => self.note("list tests", true),
            Deed::WatchRun(_) => self.note("watch", true),
            Deed::ListAgents => self.note("list agents", true),
            Deed::Overview => self.note("overview", true),
            Deed::DrainAgent(_) => self.note("drain", true),
            Deed::TrustAgent(_) => self.note("trust an agent", true),
            Deed::QuarantineTest { .. } => self.note("quarantine a test", true),
            Deed::ReleaseTest { .. } => self.note("release a test", true),
            Deed::GetNoRun => self.note("unknown run", true),
        }
    }
}
