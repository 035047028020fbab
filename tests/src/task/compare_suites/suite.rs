//! The suites: where each comes from, what it needs, and how its runner runs it alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;
use muster_tests::junit::{self, Verdicts};

use super::{alone, fetch};
use crate::task::{must_run, python_with};

/// A suite of somebody else's.
pub(crate) struct Suite {
    /// Name and version.
    pub(crate) name: &'static str,
    /// Muster's runner for it.
    pub(crate) runner: &'static str,
    /// `test`, or `run` where a pipeline file says how.
    pub(crate) subcommand: &'static str,
    /// Fetches it into a folder, if it is not there.
    pub(crate) prepare: fn(&Path) -> Result<Prepared>,
    /// Runs it by its runner alone; its verdicts, by the names that Muster should give.
    pub(crate) alone: fn(&Prepared, &Path) -> Result<Verdicts>,
    /// Reads what Muster has written.
    pub(crate) muster: fn(&Path) -> Result<Verdicts>,
    /// Makes names alike that the two ways write differently.
    pub(crate) alike: fn(Verdicts) -> Verdicts,
}

/// A suite that can be run.
#[derive(Default)]
pub(crate) struct Prepared {
    /// Its sources.
    pub(crate) directory: PathBuf,
    /// Variables that it needs.
    pub(crate) env: Vec<(String, String)>,
    /// Arguments for its runner, both ways.
    pub(crate) args: Vec<String>,
}

/// Every suite that is compared.
pub(crate) fn all() -> Vec<Suite> {
    let test = |name, runner, prepare, alone| Suite {
        name,
        runner,
        subcommand: "test",
        prepare,
        alone,
        muster: junit::read_whole,
        alike: |verdicts| verdicts,
    };
    vec![
        Suite { muster: junit::read, ..test("click-8.5.1", "pytest", prepare_click, alone::pytest) },
        Suite { muster: junit::read, ..test("packaging-26.3", "pytest", prepare_packaging, alone::pytest) },
        Suite { muster: junit::read, ..test("glam-0.34.3", "cargo-nextest", prepare_glam, alone::nextest) },
        Suite {
            subcommand: "run",
            muster: junit::read,
            alike: by_whole_id,
            ..test("attrs-26.1.0", "generic", prepare_attrs, alone::pytest)
        },
        Suite { muster: junit::read, ..test("attrs-26.1.0-pytest", "pytest", prepare_attrs_alone, alone::pytest) },
        Suite { muster: junit::read, ..test("networkx-3.6.1", "pytest", prepare_networkx, alone::pytest) },
        Suite {
            muster: junit::read,
            ..test("crossbeam-channel-0.5.17", "cargo-nextest", prepare_crossbeam, alone::nextest)
        },
        Suite { muster: junit::read, ..test("fancy-regex-0.20.2", "cargo-nextest", prepare_fancy, alone::nextest) },
        test("pyflakes-4.1.0", "unittest", prepare_pyflakes, alone::unittest),
        Suite { alike: with_spaces, ..test("des.js-1.1.0", "mocha", prepare_des, alone::mocha) },
        test("cjson", "ctest", prepare_cjson, alone::ctest),
        test("markdown-3.7", "unittest", prepare_markdown, alone::unittest),
        test("go-cmp-0.5.9", "go", prepare_go_cmp, alone::go),
        test("jsx-ast-utils-3.3.5", "jest", prepare_jsx, alone::jest),
        test("zod-4.6.7", "vitest", prepare_zod, alone::vitest),
        Suite { alike: with_spaces, ..test("hash.js-1.1.7", "mocha", prepare_hash, alone::mocha) },
        test("googletest-samples", "googletest", prepare_googletest, alone::googletest),
        test("googletest", "ctest", prepare_ctest, alone::ctest),
        test("minitest-itself", "minitest", prepare_minitest, alone::minitest),
        test("doctrine-inflector-2.0.6", "phpunit", prepare_inflector, alone::phpunit),
    ]
}

fn prepare_click(home: &Path) -> Result<Prepared> {
    python_suite(home, "click", "8.5.1", &["pytest==9.2.0"])
}

fn prepare_packaging(home: &Path) -> Result<Prepared> {
    python_suite(home, "packaging", "26.3", &["pytest==9.2.0", "pretend", "hypothesis", "tomli_w"])
}

fn prepare_networkx(home: &Path) -> Result<Prepared> {
    let prepared = python_suite(home, "networkx", "3.6.1", &["pytest==9.2.0", "numpy"])?;
    Ok(Prepared { args: words("networkx"), ..prepared })
}

fn prepare_attrs_alone(home: &Path) -> Result<Prepared> {
    python_suite(home, "attrs", "26.1.0", &["pytest==9.2.0", "hypothesis", "cloudpickle"])
}

fn prepare_pyflakes(home: &Path) -> Result<Prepared> {
    let prepared = python_suite(home, "pyflakes", "4.1.0", &[])?;
    Ok(Prepared { args: words("discover -s pyflakes -t ."), ..prepared })
}

fn prepare_markdown(home: &Path) -> Result<Prepared> {
    let prepared = python_suite(home, "markdown", "3.7", &[])?;
    Ok(Prepared { args: words("discover -s tests -t ."), ..prepared })
}

fn python_suite(home: &Path, name: &str, version: &str, packages: &[&str]) -> Result<Prepared> {
    let pinned = format!("{name}=={version}");
    let wanted: Vec<_> = std::iter::once(pinned.as_str()).chain(packages.iter().copied()).collect();
    let python = python_with(&format!("python-{name}"), &wanted)?;
    let directory = fetch::python_sources(home, &python, name, version)?;
    let folder = python.parent().context("an interpreter lies in a folder")?;
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    Ok(Prepared { directory, env: vec![("PATH".to_owned(), path)], args: Vec::new() })
}

fn prepare_glam(home: &Path) -> Result<Prepared> {
    crate_suite(home, "glam", "0.34.3")
}

fn prepare_crossbeam(home: &Path) -> Result<Prepared> {
    crate_suite(home, "crossbeam-channel", "0.5.17")
}

fn prepare_fancy(home: &Path) -> Result<Prepared> {
    crate_suite(home, "fancy-regex", "0.20.2")
}

fn crate_suite(home: &Path, name: &str, version: &str) -> Result<Prepared> {
    let directory = home.join(format!("{name}-{version}"));
    if !directory.exists() {
        let fetch = home.join("fetch");
        std::fs::create_dir_all(fetch.join("src"))?;
        std::fs::write(fetch.join("src/lib.rs"), "")?;
        let manifest = format!(
            "[package]\nname = \"fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\n{name} = \"={version}\"\n"
        );
        std::fs::write(fetch.join("Cargo.toml"), manifest)?;
        let metadata = MetadataCommand::new().manifest_path(fetch.join("Cargo.toml")).exec()?;
        let package =
            metadata.packages.iter().find(|package| package.name == name).context("cargo did not fetch it")?;
        let source = package.manifest_path.parent().context("a manifest lies in a folder")?;
        must_run(Command::new("cp").arg("-r").arg(source).arg(&directory))?;
        // A crate of the registry may lie beneath a workspace of ours: it is one of its own.
        let manifest = directory.join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest)?;
        if !text.contains("[workspace]") {
            std::fs::write(&manifest, format!("{text}\n[workspace]\n"))?;
        }
    }
    Ok(Prepared { directory, ..Prepared::default() })
}

fn prepare_attrs(home: &Path) -> Result<Prepared> {
    let prepared = prepare_attrs_alone(home)?;
    // The generic runner: pytest itself, but Muster sees no more of it than ids and JUnit XML.
    std::fs::write(prepared.directory.join("generic_pytest.py"), include_str!("generic_pytest.py"))?;
    std::fs::write(prepared.directory.join("muster.yml"), include_str!("attrs.yml"))?;
    Ok(prepared)
}

fn prepare_go_cmp(home: &Path) -> Result<Prepared> {
    let directory = fetch::debian_sources(home, "golang-github-google-go-cmp", "go-cmp-")?;
    Ok(Prepared { directory, args: words("./..."), ..Prepared::default() })
}

/// Its tests are written for an older Jest and Babel, which Jest brings along by now.
fn prepare_jsx(home: &Path) -> Result<Prepared> {
    let packages = [
        "jest@30.5.2",
        "@babel/preset-env@7",
        "@babel/eslint-parser@7",
        "eslint@8",
        "object.entries@1",
        "object.fromentries@2",
        "flow-parser@0.126.1",
    ];
    let directory = fetch::npm_package(home, "jsx-ast-utils", "3.3.5", &packages)?;
    std::fs::write(
        directory.join(".babelrc"),
        "{\"presets\": [[\"@babel/preset-env\", {\"targets\": {\"node\": \"current\"}}]]}\n",
    )?;
    Ok(Prepared { directory, ..Prepared::default() })
}

fn prepare_zod(home: &Path) -> Result<Prepared> {
    let directory = fetch::npm_package(home, "zod", "4.6.7", &["vitest@4.1.12"])?;
    Ok(Prepared { directory, ..Prepared::default() })
}

fn prepare_hash(home: &Path) -> Result<Prepared> {
    let directory = fetch::npm_package(home, "hash.js", "1.1.7", &["mocha@11.8.0"])?;
    Ok(Prepared { directory, args: words("test/*-test.js"), ..Prepared::default() })
}

fn prepare_des(home: &Path) -> Result<Prepared> {
    let directory = fetch::npm_package(home, "des.js", "1.1.0", &["mocha@11.8.0"])?;
    Ok(Prepared { directory, args: words("test/*-test.js"), ..Prepared::default() })
}

fn prepare_cjson(home: &Path) -> Result<Prepared> {
    let directory = fetch::debian_sources(home, "cjson", "cJSON-")?;
    if !directory.join("build/built").exists() {
        must_run(Command::new("cmake").args(["-B", "build"]).current_dir(&directory))?;
        must_run(Command::new("cmake").args(["--build", "build", "--", "-j2"]).current_dir(&directory))?;
        std::fs::write(directory.join("build/built"), "")?;
    }
    Ok(Prepared { directory, args: words("--test-dir build"), ..Prepared::default() })
}

/// Debian's package has the sources; its samples are made into ten executables.
fn prepare_googletest(home: &Path) -> Result<Prepared> {
    let directory = googletest_tree(home, "-Dgtest_build_samples=ON")?;
    let args = (1..=10).map(|number| format!("build/googletest/sample{number}_unittest")).collect();
    Ok(Prepared { directory, args, ..Prepared::default() })
}

fn prepare_ctest(home: &Path) -> Result<Prepared> {
    let directory = googletest_tree(home, "-Dgtest_build_tests=ON")?;
    Ok(Prepared { directory, args: words("--test-dir build"), ..Prepared::default() })
}

fn googletest_tree(home: &Path, option: &str) -> Result<PathBuf> {
    let directory = home.join("googletest");
    if !directory.join("build/built").exists() {
        let copy = Command::new("cp").args(["-r", "/usr/src/googletest"]).arg(home).status();
        copy.ok().filter(std::process::ExitStatus::success).context("Debian's package libgtest-dev is needed")?;
        let options = ["-DBUILD_GMOCK=OFF", "-DCMAKE_CXX_FLAGS=-O0 -Wno-error", option];
        must_run(Command::new("cmake").args(["-B", "build"]).args(options).current_dir(&directory))?;
        must_run(Command::new("cmake").args(["--build", "build", "--", "-j2"]).current_dir(&directory))?;
        std::fs::write(directory.join("build/built"), "")?;
    }
    Ok(directory)
}

/// Ruby brings Minitest along, and that its own tests.
fn prepare_minitest(home: &Path) -> Result<Prepared> {
    let directory = home.join("minitest");
    if !directory.exists() {
        let bundled = "ls -d /usr/lib/ruby/gems/*/gems/minitest-*/test | head -1";
        let found = Command::new("sh").args(["-c", bundled]).output().context("cannot look for Minitest")?;
        let tests = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        let sources = Path::new(&tests).parent().context("Debian's package of Ruby is needed")?;
        must_run(Command::new("cp").arg("-rL").arg(sources).arg(&directory))?;
    }
    let args = words("test/minitest/test_minitest_assertions.rb test/minitest/test_minitest_mock.rb");
    Ok(Prepared { directory, args, ..Prepared::default() })
}

fn prepare_inflector(home: &Path) -> Result<Prepared> {
    let directory = fetch::debian_sources(home, "php-doctrine-inflector", "php-doctrine-inflector-")?;
    std::fs::write(directory.join("autoload.php"), include_str!("inflector_autoload.php"))?;
    Ok(Prepared { directory, args: words("--bootstrap autoload.php tests"), ..Prepared::default() })
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Mocha's own account has whole titles, with a space between suite and test.
fn with_spaces(verdicts: Verdicts) -> Verdicts {
    let mut alike = Verdicts::new();
    for (name, found) in verdicts {
        let name = name.split(" [again ").next().unwrap_or(&name).replace(" > ", " ");
        let merged = alike.entry(name).or_default();
        found.into_iter().for_each(|(verdict, count)| *merged.entry(verdict).or_default() += count);
    }
    alike
}

/// The generic runner knows ids and no classes: Muster writes the job's name in their place.
fn by_whole_id(verdicts: Verdicts) -> Verdicts {
    let whole = |name: String| match name.split_once(' ') {
        Some(("tests", id)) => id.to_owned(),
        _ => name.replacen(' ', ".", 1),
    };
    verdicts.into_iter().map(|(name, verdicts)| (whole(name), verdicts)).collect()
}
