//! Each runner alone: how it is run, and its own account of its tests, under the names that Muster gives them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use muster_tests::junit::{self, Verdict, Verdicts};
use serde_json::Value;

use super::suite::Prepared;

/// pytest, by its JUnit XML.
pub(super) fn pytest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut command = here(prepared, "python");
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml"]).arg(file);
    may_fail(command.args(&prepared.args), &[0, 1])?;
    junit::read(file)
}

/// Nextest, by its JUnit XML.
pub(super) fn nextest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let config = file.with_extension("toml");
    std::fs::write(&config, format!("[profile.default.junit]\npath = {:?}\n", file.display().to_string()))?;
    let mut command = here(prepared, "cargo");
    command.args(["nextest", "run", "--no-fail-fast", "--status-level", "fail", "--tool-config-file"]);
    may_fail(command.arg(format!("compare:{}", config.display())), &[0, 100])?;
    junit::read(file)
}

/// Unittest, by a result class that writes down ids.
pub(super) fn unittest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let script = file.with_extension("py");
    std::fs::write(&script, include_str!("alone_unittest.py"))?;
    let mut command = here(prepared, "python");
    may_fail(command.arg(script).arg(file).args(&prepared.args), &[0, 1])?;
    lines(file)
}

/// Jest, by its JSON.
pub(super) fn jest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut command = here(prepared, "node");
    command
        .args(["node_modules/jest/bin/jest.js", "--silent", "--json"])
        .arg(format!("--outputFile={}", file.display()));
    may_fail(command.args(&prepared.args), &[0, 1])?;
    titles(prepared, file, " \u{203a} ")
}

/// Vitest, by its JSON, which is formed like Jest's.
pub(super) fn vitest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut command = here(prepared, "node");
    command.args(["node_modules/vitest/vitest.mjs", "run", "--silent", "--reporter=json"]);
    may_fail(command.arg(format!("--outputFile={}", file.display())).args(&prepared.args), &[0, 1])?;
    titles(prepared, file, " > ")
}

/// Mocha, by its JSON. It knows whole titles only, in which nothing stands between suite and test.
pub(super) fn mocha(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut command = here(prepared, "node");
    command.args(["node_modules/mocha/bin/mocha.js", "--reporter", "json", "--reporter-option"]);
    may_fail(command.arg(format!("output={}", file.display())).args(&prepared.args), &(0..256).collect::<Vec<_>>())?;
    let report = json(file)?;
    let mut verdicts = Verdicts::new();
    let named =
        |test: &Value| Some(format!("{} {}", relative(prepared, test["file"].as_str()?), test["fullTitle"].as_str()?));
    for (list, verdict) in [("passes", Verdict::Passed), ("failures", Verdict::Failed), ("pending", Verdict::Skipped)] {
        for test in report[list].as_array().context("no tests")? {
            junit::add(&mut verdicts, named(test).context("a test has no title")?, verdict);
        }
    }
    Ok(verdicts)
}

/// `go test -json`.
pub(super) fn go(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut command = here(prepared, "go");
    command.args(["test", "-json", "-vet=off", "-count=1"]).args(&prepared.args);
    println!("$ {command:?}");
    let output = command.output().context("cannot start go")?;
    std::fs::write(file, &output.stdout)?;
    let mut verdicts = Verdicts::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let event: Value = serde_json::from_str(line).with_context(|| format!("`{line}` is no event of go"))?;
        let verdict = match event["Action"].as_str() {
            Some("pass") => Verdict::Passed,
            Some("fail") => Verdict::Failed,
            Some("skip") => Verdict::Skipped,
            _ => continue,
        };
        if let (Some(package), Some(test)) = (event["Package"].as_str(), event["Test"].as_str())
            && !test.contains('/')
        {
            junit::add(&mut verdicts, format!("{package} {test}"), verdict);
        }
    }
    Ok(verdicts)
}

/// Executables of GoogleTest one by one, by their XML.
pub(super) fn googletest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut verdicts = Verdicts::new();
    for program in &prepared.args {
        let mut command = here(prepared, &format!("./{program}"));
        may_fail(command.arg(format!("--gtest_output=xml:{}", file.display())), &[0, 1])?;
        for (name, found) in junit::parts(file)? {
            let (class, test) = name;
            // What a disabled test says by its status, others say by a child.
            let found =
                if test.starts_with("DISABLED_") || class.contains("DISABLED_") { Verdict::Skipped } else { found };
            junit::add(&mut verdicts, format!("{program} {class}.{test}"), found);
        }
    }
    Ok(verdicts)
}

/// CTest, by its JUnit XML.
pub(super) fn ctest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut command = here(prepared, "ctest");
    may_fail(command.args(&prepared.args).arg("--output-junit").arg(file), &[0, 8])?;
    let mut verdicts = Verdicts::new();
    for ((_, name), verdict) in junit::parts(file)? {
        junit::add(&mut verdicts, name, verdict);
    }
    Ok(verdicts)
}

/// PHPUnit, by its JUnit XML.
pub(super) fn phpunit(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let mut command = here(prepared, "phpunit");
    command.args(&prepared.args).arg("--dont-report-useless-tests").arg("--log-junit");
    may_fail(command.arg(file), &[0, 1, 2])?;
    let mut verdicts = Verdicts::new();
    for ((class, name), verdict) in junit::parts(file)? {
        let verdict = if verdict == Verdict::Errored { Verdict::Failed } else { verdict };
        junit::add(&mut verdicts, format!("{}::{name}", class.replace('.', "\\")), verdict);
    }
    Ok(verdicts)
}

/// Minitest, by what it prints with `--verbose`.
pub(super) fn minitest(prepared: &Prepared, file: &Path) -> Result<Verdicts> {
    let script = file.with_extension("rb");
    std::fs::write(&script, "ARGV.shift.split(\",\").each { |file| require File.expand_path(file) }\n")?;
    let mut command = here(prepared, "ruby");
    let files: Vec<&str> = prepared.args.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    command.args(["-Ilib", "-Itest"]).arg(script).arg(files.join(",")).arg("--verbose");
    // Several threads write into each other's lines.
    command.env("N", "1").env("MT_CPU", "1");
    println!("$ {command:?}");
    let output = command.output().context("cannot start ruby")?;
    let mut verdicts = Verdicts::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((name, rest)) = line.split_once(" = ") else { continue };
        let verdict = match rest.rsplit_once(" s = ").map(|(_, verdict)| verdict) {
            Some(".") => Verdict::Passed,
            Some("F" | "E") => Verdict::Failed,
            Some("S") => Verdict::Skipped,
            _ => continue,
        };
        junit::add(&mut verdicts, name.to_owned(), verdict);
    }
    Ok(verdicts)
}

/// Files and titles as Jest's JSON has them.
fn titles(prepared: &Prepared, file: &Path, separator: &str) -> Result<Verdicts> {
    let mut verdicts = Verdicts::new();
    let report = json(file)?;
    for suite in report["testResults"].as_array().context("no test files")? {
        let name = relative(prepared, suite["name"].as_str().context("a file has no name")?);
        let tests = suite["assertionResults"].as_array().context("a file has no tests")?;
        if tests.is_empty() {
            junit::add(&mut verdicts, name.clone(), Verdict::Failed);
        }
        let mut seen = std::collections::HashMap::new();
        for test in tests {
            let above = test["ancestorTitles"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let title = test["title"].as_str().context("a test has no title")?;
            let parts: Vec<&str> = std::iter::once(name.as_str()).chain(above).chain([title]).collect();
            let verdict = match test["status"].as_str() {
                Some("passed") => Verdict::Passed,
                Some("failed") => Verdict::Failed,
                _ => Verdict::Skipped,
            };
            let whole = parts.join(separator).replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
            let count = seen.entry(whole.clone()).and_modify(|count| *count += 1).or_insert(1);
            junit::add(&mut verdicts, if *count == 1 { whole } else { format!("{whole} [again {count}]") }, verdict);
        }
    }
    Ok(verdicts)
}

/// A verdict and an id a line.
fn lines(file: &Path) -> Result<Verdicts> {
    let mut verdicts = Verdicts::new();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    for line in text.lines() {
        let (verdict, name) = line.split_once(' ').with_context(|| format!("`{line}` is no verdict"))?;
        let verdict = match verdict {
            "passed" => Verdict::Passed,
            "failed" => Verdict::Failed,
            "skipped" => Verdict::Skipped,
            other => bail!("`{other}` is no verdict"),
        };
        junit::add(&mut verdicts, name.to_owned(), verdict);
    }
    Ok(verdicts)
}

fn relative(prepared: &Prepared, file: &str) -> String {
    let root = prepared.directory.canonicalize().unwrap_or_else(|_| prepared.directory.clone());
    Path::new(file).strip_prefix(root).map_or_else(|_| file.to_owned(), |path| path.display().to_string())
}

fn json(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

fn here(prepared: &Prepared, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&prepared.directory).envs(prepared.env.iter().cloned());
    command
}

fn may_fail(command: &mut Command, good: &[i32]) -> Result<()> {
    println!("$ {command:?}");
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    match status.code() {
        Some(code) if good.contains(&code) => Ok(()),
        _ => bail!("{command:?} ended with {status}"),
    }
}
