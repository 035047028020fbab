//! [`Project`]: the folder that a command is about, what tests it may have, and its pipeline file.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use muster_agent::runner::recognise::recognise;
use muster_common::limits::{NAME_BYTES_MAX, PIPELINE_FILE_BYTES_MAX};
use muster_common::pipeline::{CompileOptions, Source, compile};
use muster_common::spec::{Env, RunSpec, Runner};

use crate::failure::Failure;

/// A folder, and what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// Absolute, without links.
    pub(crate) folder: PathBuf,
    /// The folder's name.
    pub(crate) name: String,
}

/// A runner that fits a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recognised {
    /// The runner.
    pub(crate) runner: Runner,
    /// What speaks for it.
    pub(crate) evidence: String,
    /// Names of other runners that fit.
    pub(crate) others: Vec<&'static str>,
}

/// A pipeline file, and the folder that its jobs begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PipelineFile {
    /// The folder.
    pub(crate) project: Project,
    /// The file, as people know it.
    pub(crate) path: PathBuf,
}

impl Project {
    /// The folder at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let folder = path
            .canonicalize()
            .map_err(|error| Failure::usage(format!("cannot open the folder {}", path.display())).because(error))?;
        if !folder.is_dir() {
            return Err(Failure::usage(format!("{} is not a folder", path.display())).advise(NOT_A_FOLDER));
        }
        let name = folder.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy().into_owned());
        let mut name: String = name.chars().filter(|character| !character.is_control()).collect();
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        Ok(Self { folder, name })
    }

    /// The runner that fits best in its folder `working_directory`.
    pub(crate) fn recognise(&self, working_directory: Option<&str>) -> Result<Recognised, Failure> {
        let folder = self.folder.join(working_directory.unwrap_or_default());
        let mut fitting = recognise(&folder, &is_installed).into_iter();
        let first = fitting.next().ok_or_else(|| nothing_fits(&folder))?;
        let others = fitting.map(|candidate| candidate.runner.name()).collect();
        Ok(Recognised { runner: first.runner, evidence: first.evidence, others })
    }
}

impl PipelineFile {
    /// The file `file`, or else `muster.yml` of the folder `path`. `path` may also be the file itself.
    pub(crate) fn find(path: &Path, file: Option<&Path>) -> Result<Self, Failure> {
        if file.is_none() && !path.is_dir() && !path.is_file() {
            let why = if path.exists() { "is neither a folder nor a file" } else { "does not exist" };
            return Err(Failure::usage(format!("{} {why}", path.display())).advise(NO_PIPELINE_FILE));
        }
        if file.is_none() && path.is_file() {
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return Ok(Self { project: Project::open(folder)?, path: path.to_owned() });
        }
        let project = Project::open(path)?;
        let candidates = match file {
            Some(file) => vec![file.to_owned(), path.join(file)],
            None => FILE_NAMES.iter().map(|name| path.join(name)).collect(),
        };
        match candidates.iter().find(|candidate| candidate.exists()) {
            Some(found) => Ok(Self { project, path: tidy(found) }),
            None => Err(Failure::usage(format!("there is no pipeline file {}", tidy(&candidates[0]).display()))
                .advise(format!(
                    "`muster init {0}` writes one; `muster test {0}` runs the tests without one",
                    crate::output::human::quoted(&path.display().to_string())
                ))),
        }
    }

    /// The run that it stands for.
    pub(crate) fn compile(&self, env: Env) -> Result<RunSpec, Failure> {
        let name = self.path.display().to_string();
        let bytes = self
            .read()
            .map_err(|error| Failure::usage(format!("cannot read the pipeline file {name}")).because(error))?;
        let options = CompileOptions { project: self.project.name.clone(), name: self.project.name.clone(), env };
        compile(&Source { name: &name, bytes: &bytes }, &options).map_err(|found| Failure::pipeline(&name, &found))
    }

    /// One byte more than may be there, so that the compiler finds out.
    fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(&self.path)?;
        if file.metadata()?.is_dir() {
            return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
        }
        file.take(PIPELINE_FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Refuses a specification that no coordinator would accept.
pub(crate) fn check(spec: &RunSpec) -> Result<(), Failure> {
    muster_common::spec_check::check(spec).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::usage("this run is not possible").because(errors.join("; "))
    })
}

fn nothing_fits(folder: &Path) -> Failure {
    Failure::usage(format!("no test runner is recognised in {}", folder.display())).advise(
        "looked for Cargo.toml (cargo-nextest, cargo-test), for pytest.ini, conftest.py, pytest sections in \
         pyproject.toml, setup.cfg and tox.ini, test_*.py and *_test.py (pytest), go.mod with *_test.go (go), package.json \
         (vitest, jest, mocha, playwright), pom.xml, build.gradle, phpunit.xml, .rspec, test/*_test.rb (minitest), \
         CTestTestfile.cmake; name one with `muster test --runner`, or describe any other in muster.yml with \
         `runner: generic`",
    )
}

/// Whether `program` is found where commands are looked for.
fn is_installed(program: &str) -> bool {
    let is_program = |path: PathBuf| {
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_program(folder.join(program)))
}

fn tidy(path: &Path) -> PathBuf {
    path.strip_prefix(".").map_or_else(|_| path.to_owned(), Path::to_owned)
}

const NOT_A_FOLDER: &str = "name the project's folder; what is to be run in it goes to the runner after `--`";
const NO_PIPELINE_FILE: &str = "name a pipeline file, or a folder with a muster.yml";
/// Names of pipeline files, the one that is written first.
pub(crate) const FILE_NAMES: [&str; 2] = ["muster.yml", "muster.yaml"];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_pipeline_file_is_found_by_folder_by_name_and_by_itself() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let root = folder.path();
        assert!(PipelineFile::find(root, None).is_err_and(|failure| failure.to_string().contains("muster init")));
        fs::write(root.join("muster.yml"), "jobs: {}").expect("it can be written");
        fs::write(root.join("other.yml"), "jobs: {}").expect("it can be written");
        let expected = Project::open(root).expect("it is there");
        for (path, file, name) in [
            (root.to_owned(), None, "muster.yml"),
            (root.to_owned(), Some(Path::new("other.yml")), "other.yml"),
            (root.join("other.yml"), None, "other.yml"),
        ] {
            let found = PipelineFile::find(&path, file).expect("it is there");
            assert_eq!((found.project, found.path), (expected.clone(), root.join(name)));
        }
        for (path, why) in [(root.join("missing.yml"), "does not exist"), ("/dev/null".into(), "is neither")] {
            let failure = PipelineFile::find(&path, None).expect_err("there is no file");
            assert!(failure.to_string().contains(why), "{failure}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_shown_with_its_place() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("muster.yml");
        fs::write(&path, "jobs:\n  a:\n    stepps: []\n").expect("it can be written");
        let failure =
            PipelineFile::find(&path, None).expect("it is there").compile(Env::new()).expect_err("it is wrong");
        assert_eq!(failure.exit, crate::exit_code::ExitCode::Usage);
        assert!(failure.body().is_some_and(|body| body.contains("stepps")), "{failure}");
    }
}
