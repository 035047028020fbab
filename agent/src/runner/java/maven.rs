//! The command line of Maven.

use std::collections::{BTreeMap, BTreeSet};

use super::runner::{Ask, JavaTool};
use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// Maven.
pub(crate) const MAVEN: JavaTool = JavaTool {
    name: "mvn",
    hint: "install Maven and a JDK on the agent, or keep `mvnw` in the project",
    reports: "**/target/surefire-reports/TEST-*.xml",
    command,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let wrapper = context.directory.join("mvnw");
    let program = if wrapper.is_file() { wrapper.display().to_string() } else { "mvn".to_owned() };
    let mut argv = vec![program, "--batch-mode".to_owned(), "--fail-at-end".to_owned()];
    argv.extend(ask.given.iter().cloned());
    argv.extend(
        [
            "-Dmaven.test.failure.ignore=true",
            "-Dsurefire.rerunFailingTestsCount=0",
            "-Dsurefire.skipAfterFailureCount=0",
            "-DfailIfNoTests=false",
            "-DfailIfNoSpecifiedTests=false",
            "-Dsurefire.failIfNoSpecifiedTests=false",
        ]
        .map(str::to_owned),
    );
    match ask.tests {
        None => argv.push("-Djunit.platform.execution.dryRun.enabled=true".to_owned()),
        Some(tests) => argv.push(format!("-Dtest={}", selection(tests))),
    }
    argv.push("test".to_owned());
    Ok(context.command(argv))
}

/// `c.ATest#adds+subtracts,c.BTest`.
fn selection(tests: &BTreeSet<super::selection::Selection>) -> String {
    let mut classes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for test in tests {
        let methods = classes.entry(&test.class).or_default();
        match &test.method {
            Some(method) => methods.push(method),
            None => methods.push("*"),
        }
    }
    let class = |(class, methods): (&str, Vec<&str>)| match methods.contains(&"*") {
        true => class.to_owned(),
        false => format!("{class}#{}", methods.join("+")),
    };
    classes.into_iter().map(class).collect::<Vec<_>>().join(",")
}
