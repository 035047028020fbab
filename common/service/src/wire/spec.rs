//! [`RunSpec`] and its parts.

use muster_common::requirement::Requirement;
use muster_common::spec::{
    ArtifactInput, ArtifactSpec, JobSpec, ResultFormat, RunSpec, Runner, Shell, StepSpec, StressSpec, TestGroup,
    TestScope, TestSpec, Work,
};
use muster_proto::v1;

use super::types::{digest, digest_to_proto};
use super::{WireError, required, unknown_enum};

/// A run's specification for the wire.
#[must_use]
pub fn to_proto(spec: &RunSpec) -> v1::RunSpec {
    v1::RunSpec {
        project: spec.project.clone(),
        name: spec.name.clone(),
        workspace: spec.workspace.as_ref().map(digest_to_proto),
        env: spec.env.clone(),
        jobs: spec.jobs.iter().map(job_to_proto).collect(),
        only: spec.only.iter().map(|(job, tests)| (job.clone(), v1::TestNames { tests: tests.clone() })).collect(),
        stress: spec.stress.as_ref().map(stress_to_proto),
    }
}

fn stress_to_proto(stress: &StressSpec) -> v1::StressSpec {
    v1::StressSpec { times: stress.times, changed: stress.changed.clone() }
}

/// A run's specification from the wire. Only its shape is checked: see `muster_common::spec_check` for the rest.
///
/// # Errors
/// If something that must be there is missing, or of an unknown kind.
pub fn from_proto(message: v1::RunSpec) -> Result<RunSpec, WireError> {
    Ok(RunSpec {
        project: message.project,
        name: message.name,
        workspace: message.workspace.as_ref().map(|root| digest(root, "spec.workspace")).transpose()?,
        env: message.env,
        jobs: message.jobs.into_iter().map(job).collect::<Result<_, _>>()?,
        only: message.only.into_iter().map(|(job, names)| (job, names.tests)).collect(),
        stress: message.stress.map(|stress| StressSpec { times: stress.times, changed: stress.changed }),
    })
}

fn job_to_proto(job: &JobSpec) -> v1::JobSpec {
    use v1::job_spec::Work as Message;
    v1::JobSpec {
        name: job.name.clone(),
        group: job.group.clone(),
        needs: job.needs.clone(),
        condition: job.condition.clone(),
        requirements: job.requirements.iter().map(|requirement| requirement.0.clone()).collect(),
        env: job.env.clone(),
        timeout_ms: job.timeout_ms,
        queue_timeout_ms: job.queue_timeout_ms,
        is_repeatable: job.is_repeatable,
        may_fail: job.may_fail,
        work: Some(match &job.work {
            Work::Steps(steps) => Message::Steps(steps_to_proto(steps)),
            Work::TestBuild(test) => Message::TestBuild(test_to_proto(test)),
            Work::Tests(test) => Message::Tests(test_to_proto(test)),
        }),
        inputs: job.inputs.iter().map(input_to_proto).collect(),
        artifacts: job.artifacts.iter().map(artifact_to_proto).collect(),
        outputs: job.outputs.clone(),
    }
}

fn job(message: v1::JobSpec) -> Result<JobSpec, WireError> {
    use v1::job_spec::Work as Message;
    let work = match required(message.work, "spec.jobs.work")? {
        Message::Steps(list) => Work::Steps(steps(list)?),
        Message::TestBuild(spec) => Work::TestBuild(test(spec)?),
        Message::Tests(spec) => Work::Tests(test(spec)?),
    };
    Ok(JobSpec {
        name: message.name,
        group: message.group,
        needs: message.needs,
        condition: message.condition,
        requirements: message.requirements.into_iter().map(Requirement).collect(),
        env: message.env,
        timeout_ms: message.timeout_ms,
        queue_timeout_ms: message.queue_timeout_ms,
        is_repeatable: message.is_repeatable,
        may_fail: message.may_fail,
        work,
        inputs: message.inputs.into_iter().map(input).collect(),
        artifacts: message.artifacts.into_iter().map(artifact).collect(),
        outputs: message.outputs,
    })
}

pub(super) fn steps_to_proto(steps: &[StepSpec]) -> v1::StepList {
    v1::StepList { steps: steps.iter().map(step_to_proto).collect() }
}

pub(super) fn steps(message: v1::StepList) -> Result<Vec<StepSpec>, WireError> {
    message.steps.into_iter().map(step).collect()
}

fn step_to_proto(step: &StepSpec) -> v1::StepSpec {
    let shell = match step.shell {
        Shell::Default => v1::Shell::Unspecified,
        Shell::Bash => v1::Shell::Bash,
        Shell::Sh => v1::Shell::Sh,
        Shell::Python => v1::Shell::Python,
    };
    v1::StepSpec {
        id: step.id.clone(),
        name: step.name.clone(),
        condition: step.condition.clone(),
        run: step.run.clone(),
        shell: shell.into(),
        env: step.env.clone(),
        working_directory: step.working_directory.clone(),
        timeout_ms: step.timeout_ms,
        may_fail: step.may_fail,
    }
}

fn step(message: v1::StepSpec) -> Result<StepSpec, WireError> {
    let shell = match v1::Shell::try_from(message.shell) {
        Ok(v1::Shell::Unspecified) => Shell::Default,
        Ok(v1::Shell::Bash) => Shell::Bash,
        Ok(v1::Shell::Sh) => Shell::Sh,
        Ok(v1::Shell::Python) => Shell::Python,
        Err(_) => return unknown_enum("spec.jobs.steps.shell"),
    };
    Ok(StepSpec {
        id: message.id,
        name: message.name,
        condition: message.condition,
        run: message.run,
        shell,
        env: message.env,
        working_directory: message.working_directory,
        timeout_ms: message.timeout_ms,
        may_fail: message.may_fail,
    })
}

pub(super) fn test_to_proto(test: &TestSpec) -> v1::TestSpec {
    use v1::test_spec::Runner as Message;
    let runner = match &test.runner {
        Runner::CargoNextest { args } => Message::CargoNextest(v1::CargoRunner { args: args.clone() }),
        Runner::CargoTest { args } => Message::CargoTest(v1::CargoRunner { args: args.clone() }),
        Runner::Pytest { args } => Message::Pytest(v1::PytestRunner { args: args.clone() }),
        Runner::Generic { list, run, results, format } => Message::Generic(v1::GenericRunner {
            list: list.clone(),
            run: run.clone(),
            results: results.clone(),
            format: format.name().to_owned(),
        }),
        Runner::Unittest { args } => Message::Unittest(plain(args)),
        Runner::Go { args } => Message::Go(plain(args)),
        Runner::Jest { args } => Message::Jest(plain(args)),
        Runner::Vitest { args } => Message::Vitest(plain(args)),
        Runner::Mocha { args } => Message::Mocha(plain(args)),
        Runner::Playwright { args } => Message::Playwright(plain(args)),
        Runner::Googletest { args } => Message::Googletest(plain(args)),
        Runner::Ctest { args } => Message::Ctest(plain(args)),
        Runner::Rspec { args } => Message::Rspec(plain(args)),
        Runner::Minitest { args } => Message::Minitest(plain(args)),
        Runner::Phpunit { args } => Message::Phpunit(plain(args)),
        Runner::Maven { args } => Message::Maven(plain(args)),
        Runner::Gradle { args } => Message::Gradle(plain(args)),
    };
    v1::TestSpec {
        runner: Some(runner),
        working_directory: test.working_directory.clone(),
        setup: test.setup.iter().map(step_to_proto).collect(),
        retries: test.retries,
        parallel: test.parallel,
        test_timeout_ms: test.test_timeout_ms,
        scope: scope_to_proto(test.scope).into(),
        groups: test.groups.iter().map(group_to_proto).collect(),
        caches_discovery: test.caches_discovery,
    }
}

const fn scope_to_proto(scope: TestScope) -> v1::TestScope {
    match scope {
        TestScope::Test => v1::TestScope::Unspecified,
        TestScope::Class => v1::TestScope::Class,
        TestScope::File => v1::TestScope::File,
    }
}

fn scope(scope: i32) -> Result<TestScope, WireError> {
    Ok(match v1::TestScope::try_from(scope) {
        Ok(v1::TestScope::Unspecified) => TestScope::Test,
        Ok(v1::TestScope::Class) => TestScope::Class,
        Ok(v1::TestScope::File) => TestScope::File,
        Err(_) => return unknown_enum("spec.jobs.tests.scope"),
    })
}

fn group_to_proto(group: &TestGroup) -> v1::TestGroup {
    v1::TestGroup { name: group.name.clone(), patterns: group.patterns.clone(), limit: group.limit }
}

fn group(message: v1::TestGroup) -> TestGroup {
    TestGroup { name: message.name, patterns: message.patterns, limit: message.limit }
}

fn plain(args: &[String]) -> v1::PlainRunner {
    v1::PlainRunner { args: args.to_vec() }
}

pub(super) fn test(message: v1::TestSpec) -> Result<TestSpec, WireError> {
    use v1::test_spec::Runner as Message;
    let runner = match required(message.runner, "spec.jobs.tests.runner")? {
        Message::CargoNextest(runner) => Runner::CargoNextest { args: runner.args },
        Message::CargoTest(runner) => Runner::CargoTest { args: runner.args },
        Message::Pytest(runner) => Runner::Pytest { args: runner.args },
        Message::Generic(runner) => {
            let format = match runner.format.as_str() {
                "" => ResultFormat::Junit,
                name => required(ResultFormat::named(name), "spec.jobs.tests.runner.generic.format")?,
            };
            Runner::Generic { list: runner.list, run: runner.run, results: runner.results, format }
        }
        Message::Unittest(runner) => Runner::Unittest { args: runner.args },
        Message::Go(runner) => Runner::Go { args: runner.args },
        Message::Jest(runner) => Runner::Jest { args: runner.args },
        Message::Vitest(runner) => Runner::Vitest { args: runner.args },
        Message::Mocha(runner) => Runner::Mocha { args: runner.args },
        Message::Playwright(runner) => Runner::Playwright { args: runner.args },
        Message::Googletest(runner) => Runner::Googletest { args: runner.args },
        Message::Ctest(runner) => Runner::Ctest { args: runner.args },
        Message::Rspec(runner) => Runner::Rspec { args: runner.args },
        Message::Minitest(runner) => Runner::Minitest { args: runner.args },
        Message::Phpunit(runner) => Runner::Phpunit { args: runner.args },
        Message::Maven(runner) => Runner::Maven { args: runner.args },
        Message::Gradle(runner) => Runner::Gradle { args: runner.args },
    };
    Ok(TestSpec {
        runner,
        working_directory: message.working_directory,
        setup: message.setup.into_iter().map(step).collect::<Result<_, _>>()?,
        retries: message.retries,
        parallel: message.parallel,
        test_timeout_ms: message.test_timeout_ms,
        scope: scope(message.scope)?,
        groups: message.groups.into_iter().map(group).collect(),
        caches_discovery: message.caches_discovery,
    })
}

pub(super) fn artifact_to_proto(artifact: &ArtifactSpec) -> v1::ArtifactSpec {
    v1::ArtifactSpec { name: artifact.name.clone(), paths: artifact.paths.clone() }
}

pub(super) fn artifact(message: v1::ArtifactSpec) -> ArtifactSpec {
    ArtifactSpec { name: message.name, paths: message.paths }
}

fn input_to_proto(input: &ArtifactInput) -> v1::ArtifactInput {
    v1::ArtifactInput { job: input.job.clone(), artifact: input.artifact.clone(), path: input.path.clone() }
}

fn input(message: v1::ArtifactInput) -> ArtifactInput {
    ArtifactInput { job: message.job, artifact: message.artifact, path: message.path }
}
