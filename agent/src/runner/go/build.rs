//! Compiling every package's tests once.

use std::path::Path;

use muster_common::error_code::ReasonCode;

use super::arguments::Arguments;
use super::packages::{Package, Packages};
use crate::runner::collect::{collect, log_through};
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// Builds into the context's build directory.
pub(super) async fn build(context: &RunnerContext, arguments: &Arguments) -> Result<(), RunnerFailure> {
    let mut packages = Packages::default();
    for (path, folder) in packages_with_tests(context, arguments).await? {
        let program = format!("{}.test", packages.packages.len());
        let mut argv: Vec<String> = ["go", "test", "-c", "-o"].map(str::to_owned).to_vec();
        argv.push(context.build_dir.join(&program).display().to_string());
        argv.extend(arguments.build.iter().cloned());
        argv.push(path.clone());
        let (exit, tail) = log_through(context, context.command(argv), GO_HINT).await?;
        if !exit.is_success() {
            let message = format!("the tests of `{path}` do not compile: go {exit}{}", tail.quoted());
            return Err(RunnerFailure::user(ReasonCode::BuildFailed, message));
        }
        packages.packages.push(Package { path, folder, program });
    }
    packages.write(&context.build_dir)
}

/// Import paths and folders of the packages that have tests.
async fn packages_with_tests(
    context: &RunnerContext,
    arguments: &Arguments,
) -> Result<Vec<(String, String)>, RunnerFailure> {
    let template = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}";
    let argv = ["go", "list", "-f", template].map(str::to_owned).into_iter().chain(arguments.list.iter().cloned());
    let listed = collect(context, context.command(argv), GO_HINT).await?;
    if !listed.exit.is_success() {
        let message = format!("go cannot list the packages: it {}{}", listed.exit, listed.tail.quoted());
        return Err(RunnerFailure::user(ReasonCode::BuildFailed, message));
    }
    let root = context.directory.canonicalize().unwrap_or_else(|_| context.directory.clone());
    let text = String::from_utf8_lossy(&listed.stdout);
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(path, folder)| Ok((path.to_owned(), relative(&root, Path::new(folder))?))).collect()
}

fn relative(root: &Path, folder: &Path) -> Result<String, RunnerFailure> {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let relative = full.strip_prefix(root).ok().and_then(Path::to_str);
    relative.map(str::to_owned).ok_or_else(|| {
        let message = format!(
            "the package in `{}` is not beneath the job's directory: name packages of this module",
            folder.display()
        );
        RunnerFailure::user(ReasonCode::BuildFailed, message)
    })
}

/// What to do where go is missing.
pub(super) const GO_HINT: &str =
    "install Go where tests are built (https://go.dev/dl), or choose agents that have it by `runs-on`";
