//! What cargo sets for each test executable. It alone knows, with its configuration, its build scripts and its version: so
//! it is asked, by a run of the tests in which a script stands in for every executable and writes its environment down.

use std::collections::BTreeMap;
use std::path::Path;

use super::arguments::Arguments;
use crate::runner::cargo_build::{CARGO_HINT, values_of, words};
use crate::runner::collect::collect;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// Variables by the name of the executable's file. None where cargo cannot be asked, for example because the project has
/// a runner of its own for its executables.
pub(super) async fn ask(
    context: &RunnerContext,
    arguments: &Arguments,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, RunnerFailure> {
    let folder = context.private_dir.join("environments");
    let script = context.private_dir.join("environment.sh");
    let quoted = folder.to_string_lossy().replace('\'', r"'\''");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&script, format!("exec env -0 > '{quoted}'/\"${{1##*/}}\"\n")))
        .map_err(|error| RunnerFailure::file("write a script into", &context.private_dir, &error))?;
    let Some(platform) = platform(context, arguments).await? else { return Ok(BTreeMap::new()) };
    let mut argv = words(["cargo", "test", "--no-fail-fast", "--color", "never"]);
    if arguments.has_doc_tests {
        argv.push("--tests".to_owned());
    }
    // The second is for a platform that the project's configuration chooses: whatever happens, no test may run here.
    for place in [platform.as_str(), "'cfg(all())'"] {
        let stand_in = format!("target.{place}.runner = {}", toml::Value::from(stand_in(&script)));
        argv.extend(["--config".to_owned(), stand_in]);
    }
    argv.extend(arguments.cargo.iter().cloned());
    let asked = collect(context, context.command(argv), CARGO_HINT).await?;
    if asked.exit.is_success() { Ok(read(&folder, context)) } else { Ok(BTreeMap::new()) }
}

fn stand_in(script: &Path) -> Vec<String> {
    vec!["/bin/sh".to_owned(), script.to_string_lossy().into_owned()]
}

/// For what the tests are built.
async fn platform(context: &RunnerContext, arguments: &Arguments) -> Result<Option<String>, RunnerFailure> {
    if let Some(given) = values_of(&arguments.all, &["--target"]).last() {
        return Ok(Some(given.trim_start_matches("--target=").to_owned()));
    }
    let version = collect(context, context.command(["rustc", "-vV"]), CARGO_HINT).await?;
    let text = String::from_utf8_lossy(&version.stdout).into_owned();
    Ok(text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned))
}

/// What was written down, without what is not cargo's.
fn read(folder: &Path, context: &RunnerContext) -> BTreeMap<String, BTreeMap<String, String>> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let read = files.filter_map(|file| {
        let text = std::fs::read(file.path()).ok()?;
        Some((file.file_name().into_string().ok()?, variables(&text, context)))
    });
    read.collect()
}

fn variables(text: &[u8], context: &RunnerContext) -> BTreeMap<String, String> {
    let pairs = text.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
    let is_cargos = |(name, value): &(&str, &str)| {
        let inherited = context.environment.get(std::ffi::OsStr::new(name));
        !NOT_CARGOS.contains(name)
            && !NOT_CARGOS_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && inherited.is_none_or(|inherited| inherited != value)
    };
    pairs.filter(is_cargos).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The shell's own, and what says where things are on this machine.
const NOT_CARGOS: &[&str] =
    &["_", "OLDPWD", "PWD", "SHLVL", "PATH", "LD_LIBRARY_PATH", "CARGO_HOME", "RUST_RECURSION_COUNT"];
const NOT_CARGOS_PREFIXES: &[&str] = &["MUSTER", "RUSTUP_"];
