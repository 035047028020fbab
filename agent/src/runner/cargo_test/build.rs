//! The build: `cargo test --no-run`, and what of its result the shards need.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use muster_common::error_code::ReasonCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::arguments::Arguments;
use super::environments;
use super::output::listed_names;
use super::targets::{Binary, Doc, EXECUTABLES, LIBRARIES, Targets};
use crate::runner::cargo_build::{BuildPlace, CARGO_HINT, build_failed, values_of, words};
use crate::runner::collect::{Collected, collect};
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// Builds the tests into the build directory.
pub(super) async fn build(context: &RunnerContext, arguments: &Arguments) -> Result<(), RunnerFailure> {
    let place = BuildPlace::find(context, &arguments.all).await?;
    let root = place.root(context)?;
    let mut argv = words(["cargo", "test", "--no-run", "--color", "never"]);
    argv.extend(words(["--message-format", "json-render-diagnostics"]));
    argv.extend(arguments.cargo.iter().cloned());
    let messages = built(collect(context, context.command(argv), CARGO_HINT).await?)?;
    let packages = packages(context, arguments).await?;
    let mut made = Maker {
        context,
        root: &root,
        packages: &packages,
        targets: Targets::default(),
        script_environments: HashMap::new(),
    };
    for line in messages.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Ok(message) = serde_json::from_slice(line) {
            made.take(message, arguments)?;
        }
    }
    let mut targets = made.targets;
    let asked = environments::ask(context, arguments).await?;
    for binary in &mut targets.binaries {
        let name = binary.file.file_name().unwrap_or_default().to_string_lossy();
        binary.environment.extend(asked.get(name.as_ref()).cloned().unwrap_or_default());
    }
    targets.library_dirs.extend(sysroot_libraries(context).await);
    for doc in &mut targets.docs {
        doc.tests = doc_tests(context, arguments, doc).await?;
    }
    targets.write(&context.build_dir)
}

struct Maker<'a> {
    context: &'a RunnerContext,
    root: &'a Path,
    packages: &'a HashMap<String, Package>,
    targets: Targets,
    /// What build scripts set for their package.
    script_environments: HashMap<String, Vec<(String, String)>>,
}

impl Maker<'_> {
    fn take(&mut self, message: Message, arguments: &Arguments) -> Result<(), RunnerFailure> {
        match message {
            Message::Artifact { package_id, target, profile, executable, filenames } => {
                for file in filenames.iter().filter(|file| file.extension().is_some_and(|end| end == "so")) {
                    self.keep(file, LIBRARIES)?;
                }
                let Some(package) = self.packages.get(&package_id) else { return Ok(()) };
                if target.doctest && target.is_library() && arguments.has_doc_tests {
                    self.add_doc(package, arguments);
                }
                match executable.filter(|_| profile.test && arguments.has_executables) {
                    Some(executable) => self.add_binary(package, &target, &executable),
                    None => Ok(()),
                }
            }
            Message::BuildScript { package_id, env, linked_paths } => {
                let folders =
                    linked_paths.iter().map(|path| path.split_once('=').map_or(path.as_str(), |(_, path)| path));
                self.targets.library_dirs.extend(folders.map(PathBuf::from));
                self.script_environments.insert(package_id, env);
                Ok(())
            }
            Message::Other => Ok(()),
        }
    }

    fn add_doc(&mut self, package: &Package, arguments: &Arguments) {
        let id = format!("{0}::doc/{0}", package.name);
        if self.targets.docs.iter().all(|doc| doc.id != id) {
            let arguments = arguments.doc(|feature| package.has_feature(feature));
            self.targets.docs.push(Doc { id, package: package.name.clone(), arguments, tests: Vec::new() });
        }
    }

    fn add_binary(&mut self, package: &Package, target: &Target, executable: &Path) -> Result<(), RunnerFailure> {
        let file = self.keep(executable, EXECUTABLES)?;
        let manifest_dir = package.manifest_path.parent().unwrap_or(&package.manifest_path);
        let mut environment = package.environment();
        environment.insert("CARGO_CRATE_NAME".to_owned(), target.name.replace('-', "_"));
        environment.extend(self.script_environments.get(&package.id).cloned().unwrap_or_default());
        self.targets.binaries.push(Binary {
            id: target.id(&package.name),
            file,
            package_dir: manifest_dir.strip_prefix(self.root).unwrap_or(manifest_dir).to_owned(),
            environment,
            has_own_harness: has_own_harness(&package.manifest_path, target),
        });
        Ok(())
    }

    /// Takes a file into the build directory: by a hard link where that is possible, else as a copy.
    fn keep(&self, file: &Path, folder: &str) -> Result<PathBuf, RunnerFailure> {
        let Some(name) = file.file_name() else { return Ok(file.to_owned()) };
        let relative = Path::new(folder).join(name);
        let place = self.context.build_dir.join(&relative);
        std::fs::create_dir_all(self.context.build_dir.join(folder))
            .and_then(|()| if place.exists() { std::fs::remove_file(&place) } else { Ok(()) })
            .and_then(|()| std::fs::hard_link(file, &place).or_else(|_| std::fs::copy(file, &place).map(drop)))
            .map_err(|error| RunnerFailure::file("keep", file, &error))?;
        Ok(relative)
    }
}

fn built(collected: Collected) -> Result<Vec<u8>, RunnerFailure> {
    if collected.exit.is_success() {
        Ok(collected.stdout)
    } else {
        Err(build_failed(collected.exit, &collected.tail, &[101]))
    }
}

/// The workspace's packages by their id.
async fn packages(context: &RunnerContext, arguments: &Arguments) -> Result<HashMap<String, Package>, RunnerFailure> {
    let mut argv = words(["cargo", "metadata", "--no-deps", "--format-version", "1"]);
    argv.extend(values_of(&arguments.all, &["--manifest-path", "--offline", "--locked", "--frozen"]));
    let text = built(collect(context, context.command(argv), CARGO_HINT).await?)?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| {
        let message = format!("what `cargo metadata` printed cannot be read: {error}");
        RunnerFailure::infrastructure(ReasonCode::ResultsBroken, message)
    })?;
    Ok(metadata.packages.into_iter().map(|package| (package.id.clone(), package)).collect())
}

/// Where the standard library's shared objects are: tests of procedural macros link to them.
async fn sysroot_libraries(context: &RunnerContext) -> Option<PathBuf> {
    let command = context.command(["rustc", "--print", "target-libdir"]);
    let found = collect(context, command, CARGO_HINT).await.ok()?;
    found.exit.is_success().then(|| PathBuf::from(String::from_utf8_lossy(&found.stdout).trim()))
}

async fn doc_tests(context: &RunnerContext, arguments: &Arguments, doc: &Doc) -> Result<Vec<String>, RunnerFailure> {
    let mut argv = doc.command();
    argv.extend(words(["--list", "--format", "terse"]));
    // Filters with spaces would be taken apart by rustdoc.
    argv.extend(arguments.harness.iter().filter(|word| !word.contains(' ')).cloned());
    Ok(listed_names(&built(collect(context, context.command(argv), CARGO_HINT).await?)?).names)
}

/// Whether the manifest says that the target has a harness of its own. A manifest that cannot be read says nothing:
/// cargo has just read it.
fn has_own_harness(manifest: &Path, target: &Target) -> bool {
    let table = std::fs::read_to_string(manifest).ok().and_then(|text| text.parse::<toml::Table>().ok());
    let Some(table) = table else { return false };
    let says_so = |entry: &toml::Value| entry.get("harness").and_then(toml::Value::as_bool) == Some(false);
    let is_it = |entry: &toml::Value| entry.get("name").and_then(toml::Value::as_str) == Some(&target.name);
    let kind = target.kind.first().map_or("", String::as_str);
    match table.get(if target.is_library() { "lib" } else { kind }) {
        Some(toml::Value::Array(entries)) => entries.iter().any(|entry| is_it(entry) && says_so(entry)),
        Some(entry) => says_so(entry),
        None => false,
    }
}

#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-artifact")]
    Artifact {
        package_id: String,
        target: Target,
        profile: Profile,
        executable: Option<PathBuf>,
        filenames: Vec<PathBuf>,
    },
    #[serde(rename = "build-script-executed")]
    BuildScript { package_id: String, env: Vec<(String, String)>, linked_paths: Vec<String> },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
    #[serde(default)]
    doctest: bool,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    manifest_path: PathBuf,
    features: HashMap<String, IgnoredAny>,
    dependencies: Vec<Dependency>,
    #[serde(default)]
    authors: Vec<String>,
    description: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
    license: Option<String>,
    license_file: Option<String>,
    readme: Option<String>,
    rust_version: Option<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    rename: Option<String>,
}

impl Target {
    fn is_library(&self) -> bool {
        const OTHERS: [&str; 5] = ["bin", "test", "example", "bench", "custom-build"];
        self.kind.iter().all(|kind| !OTHERS.contains(&kind.as_str()))
    }

    fn id(&self, package: &str) -> String {
        let kind = self.kind.first().map_or("", String::as_str);
        match kind {
            "test" => format!("{package}::{}", self.name),
            "bin" | "example" | "bench" => format!("{package}::{kind}/{}", self.name),
            _ => package.to_owned(),
        }
    }
}

impl Package {
    /// Whether cargo takes this feature where only this package is chosen.
    fn has_feature(&self, feature: &str) -> bool {
        let Some((of, _)) = feature.split_once('/') else { return self.features.contains_key(feature) };
        let of = of.trim_end_matches('?');
        let is_it = |dependency: &Dependency| dependency.rename.as_ref().unwrap_or(&dependency.name) == of;
        of == self.name || self.dependencies.iter().any(is_it)
    }

    /// What cargo sets beside `CARGO_MANIFEST_DIR`.
    fn environment(&self) -> BTreeMap<String, String> {
        let version = self.version.split('+').next().unwrap_or("");
        let (numbers, pre) = version.split_once('-').unwrap_or((version, ""));
        let mut numbers = numbers.split('.').map(str::to_owned);
        let mut number = || numbers.next().unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let pairs = [
            ("NAME", self.name.clone()),
            ("VERSION", self.version.clone()),
            ("VERSION_MAJOR", number()),
            ("VERSION_MINOR", number()),
            ("VERSION_PATCH", number()),
            ("VERSION_PRE", pre.to_owned()),
            ("AUTHORS", self.authors.join(":")),
            ("DESCRIPTION", text(&self.description)),
            ("HOMEPAGE", text(&self.homepage)),
            ("REPOSITORY", text(&self.repository)),
            ("LICENSE", text(&self.license)),
            ("LICENSE_FILE", text(&self.license_file)),
            ("README", text(&self.readme)),
            ("RUST_VERSION", text(&self.rust_version)),
        ];
        pairs.into_iter().map(|(name, value)| (format!("CARGO_PKG_{name}"), value)).collect()
    }
}
