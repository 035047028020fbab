//! The command line of Gradle.

use super::runner::{Ask, JavaTool};
use crate::attempt::process::Command;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// Gradle.
pub(crate) const GRADLE: JavaTool = JavaTool {
    name: "gradle",
    hint: "install Gradle and a JDK on the agent, or keep `gradlew` in the project",
    reports: "**/build/test-results/**/TEST-*.xml",
    command,
};

fn command(context: &RunnerContext, ask: &Ask<'_>) -> Result<Command, RunnerFailure> {
    let script = context.private_dir.join("muster.gradle");
    std::fs::write(&script, SCRIPT).map_err(|error| RunnerFailure::file("write", &script, &error))?;
    let wrapper = context.directory.join("gradlew");
    let program = if wrapper.is_file() { wrapper.display().to_string() } else { "gradle".to_owned() };
    let mut argv = vec![program];
    argv.extend(["--no-daemon", "--continue", "--console=plain", "--init-script"].map(str::to_owned));
    argv.push(script.display().to_string());
    argv.extend(ask.given.iter().cloned());
    if !ask.given.iter().any(|word| !word.starts_with('-')) {
        argv.push("test".to_owned());
    }
    let mut command = context.command(argv);
    if let Some(tests) = ask.tests {
        let file = context.private_dir.join("gradle-tests.txt");
        let pattern = |test: &super::selection::Selection| match &test.method {
            Some(method) => format!("{}.{method}\n", test.class),
            None => format!("{}\n", test.class),
        };
        std::fs::write(&file, tests.iter().map(pattern).collect::<String>())
            .map_err(|error| RunnerFailure::file("write", &file, &error))?;
        command.environment.insert("MUSTER_GRADLE_TESTS".into(), file.into());
    }
    Ok(command)
}

const SCRIPT: &str = include_str!("muster.gradle");
