//! Which tests of a suite stay together.
//!
//! What a test belongs to is the beginning of its name, as its runner makes names, so no list of tests has to say it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::spec::Runner;

/// What is dealt as a whole. The tests of one unit are given to one shard at one time, in the order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TestScope {
    /// Every test by itself.
    #[default]
    Test,
    /// The tests of a class, or of what is most like it: the innermost suite, `describe` or module. Tests outside of
    /// every class stay together by their file.
    Class,
    /// The tests of a file, or of what is most like it: the package, the test binary.
    File,
}

impl TestScope {
    /// The names by which files and people choose a scope.
    pub const NAMES: [&'static str; 3] = ["test", "class", "file"];

    /// The scope of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "test" => Self::Test,
            "class" => Self::Class,
            "file" => Self::File,
            _ => return None,
        })
    }

    /// The name by which files and people choose it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Class => "class",
            Self::File => "file",
        }
    }

    /// Whether it is the scope that is meant where none is named.
    #[must_use]
    pub const fn is_test(&self) -> bool {
        match self {
            Self::Test => true,
            Self::Class | Self::File => false,
        }
    }
}

impl Runner {
    /// The unit of a scope to which a test belongs: the beginning of its name. None if the names of this runner do not
    /// say it, or the scope is [`TestScope::Test`]; a name that has not the form that its runner gives it is a unit of
    /// its own.
    #[must_use]
    pub fn unit_of<'n>(&self, scope: TestScope, name: &'n str) -> Option<&'n str> {
        let form = self.form()?;
        match scope {
            TestScope::Test => None,
            TestScope::Class => (form.class)(name),
            TestScope::File => (form.file)(name),
        }
    }

    /// The scopes that the names of this runner tell, beside [`TestScope::Test`].
    #[must_use]
    pub fn scopes(&self) -> Vec<TestScope> {
        let Some(form) = self.form() else { return Vec::new() };
        let is_told = |scope: &TestScope| match scope {
            TestScope::Test => false,
            TestScope::Class => (form.class)(form.example).is_some(),
            TestScope::File => (form.file)(form.example).is_some(),
        };
        [TestScope::Class, TestScope::File].into_iter().filter(is_told).collect()
    }

    /// Whether a shard runs the tests of a batch one after another, whatever the project has set up.
    #[must_use]
    pub const fn runs_in_turn(&self) -> bool {
        match self {
            Self::Generic { .. } | Self::Maven { .. } | Self::Gradle { .. } => false,
            Self::CargoNextest { .. }
            | Self::CargoTest { .. }
            | Self::Pytest { .. }
            | Self::Unittest { .. }
            | Self::Go { .. }
            | Self::Jest { .. }
            | Self::Vitest { .. }
            | Self::Mocha { .. }
            | Self::Playwright { .. }
            | Self::Googletest { .. }
            | Self::Ctest { .. }
            | Self::Rspec { .. }
            | Self::Minitest { .. }
            | Self::Phpunit { .. } => true,
        }
    }

    const fn form(&self) -> Option<Form> {
        Some(match self {
            Self::Pytest { .. } => PYTEST,
            Self::Unittest { .. } => UNITTEST,
            Self::CargoNextest { .. } | Self::CargoTest { .. } => CARGO,
            Self::Go { .. } => GO,
            Self::Jest { .. } => JEST,
            Self::Vitest { .. } | Self::Mocha { .. } => VITEST,
            Self::Playwright { .. } => PLAYWRIGHT,
            Self::Googletest { .. } => GOOGLETEST,
            Self::Rspec { .. } => RSPEC,
            Self::Minitest { .. } | Self::Maven { .. } | Self::Gradle { .. } => METHOD,
            Self::Phpunit { .. } => PHPUNIT,
            Self::Ctest { .. } | Self::Generic { .. } => return None,
        })
    }
}

/// How a runner makes names.
struct Form {
    example: &'static str,
    class: fn(&str) -> Option<&str>,
    file: fn(&str) -> Option<&str>,
}

/// `tests/test_a.py::TestB::test_c[1-x::y]`.
const PYTEST: Form = Form {
    example: "a.py::B::c",
    class: |name| {
        let parameters = name.find("::").and_then(|from| name[from..].find('[').map(|at| from + at));
        name[..parameters.unwrap_or(name.len())].rsplit_once("::").map(|(class, _)| class)
    },
    file: |name| name.split_once("::").map(|(file, _)| file),
};

/// `package.module.Class.test`; a file is a module.
const UNITTEST: Form = Form {
    example: "m.C.t",
    class: |name| name.rsplit_once('.').map(|(class, _)| class),
    file: |name| name.rsplit_once('.').and_then(|(class, _)| class.rsplit_once('.')).map(|(module, _)| module),
};

/// `package::binary module::test`, `package::doc/package src/lib.rs - item (line 3)`; a file is a test binary.
const CARGO: Form = Form {
    example: "p m::t",
    class: |name| {
        let (binary, test) = name.split_once(' ')?;
        Some(test.rsplit_once("::").map_or(binary, |(module, _)| &name[..binary.len() + 1 + module.len()]))
    },
    file: |name| name.split_once(' ').map(|(binary, _)| binary),
};

/// `import/path TestX`; a file and a class are a package.
const GO: Form = Form { example: "a/b TestX", class: first_word, file: first_word };

/// `[project] file › describe › test`.
const JEST: Form = Form {
    example: "f › d › t",
    class: |name| name.rsplit_once(" › ").map(|(class, _)| class),
    file: |name| name.split_once(" › ").map(|(file, _)| file),
};

/// `|project| file > suite > test`.
const VITEST: Form = Form {
    example: "f > d > t",
    class: |name| name.rsplit_once(" > ").map(|(class, _)| class),
    file: |name| name.split_once(" > ").map(|(file, _)| file),
};

/// `[project] › file › describe › test`.
const PLAYWRIGHT: Form = Form {
    example: "[p] › f › d › t",
    class: |name| name.rsplit_once(" › ").map(|(class, _)| class),
    file: |name| {
        let (project, rest) = name.split_once(" › ")?;
        let (file, _) = rest.split_once(" › ")?;
        Some(&name[..project.len() + " › ".len() + file.len()])
    },
};

/// `executable Suite.Test`, or `Suite.Test` where there is one executable.
const GOOGLETEST: Form = Form { example: "S.T", class: UNITTEST.class, file: |_| None };

/// `./file > full description`: where a group ends in a description nobody can tell.
const RSPEC: Form =
    Form { example: "./f > d", class: |_| None, file: |name| name.split_once(" > ").map(|(file, _)| file) };

/// `Class#method`.
const METHOD: Form =
    Form { example: "C#m", class: |name| name.split_once('#').map(|(class, _)| class), file: |_| None };

/// `Class::method with data set …`.
const PHPUNIT: Form =
    Form { example: "C::m", class: |name| name.split_once("::").map(|(class, _)| class), file: |_| None };

fn first_word(name: &str) -> Option<&str> {
    name.split_once(' ').map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(runner: &str, name: &'static str) -> (Option<&'static str>, Option<&'static str>) {
        let runner = Runner::named(runner, Vec::new()).expect("a runner of this name");
        (runner.unit_of(TestScope::Class, name), runner.unit_of(TestScope::File, name))
    }

    #[test]
    fn names_tell_the_class_and_the_file() {
        for (runner, name, class, file) in [
            ("pytest", "tests/test_a.py::TestB::test_c[1-x::y]", "tests/test_a.py::TestB", "tests/test_a.py"),
            ("pytest", "tests/test_a.py::test_c[a::b]", "tests/test_a.py", "tests/test_a.py"),
            ("pytest", "tests[1]/test_a.py::T::test_c", "tests[1]/test_a.py::T", "tests[1]/test_a.py"),
            ("unittest", "pkg.mod.Class.test_x", "pkg.mod.Class", "pkg.mod"),
            ("cargo-nextest", "krate::it db::tests::works", "krate::it db::tests", "krate::it"),
            ("cargo-nextest", "krate::it works", "krate::it", "krate::it"),
            ("cargo-test", "krate::doc/krate src/lib.rs - add (line 3)", "krate::doc/krate", "krate::doc/krate"),
            ("go", "example.com/a/b TestX", "example.com/a/b", "example.com/a/b"),
            ("jest", "[web] a.test.js › sums › adds", "[web] a.test.js › sums", "[web] a.test.js"),
            ("vitest", "|web| a.test.ts > sums > adds", "|web| a.test.ts > sums", "|web| a.test.ts"),
            ("mocha", "test/a.js > adds", "test/a.js", "test/a.js"),
            ("playwright", "[chromium] › a.spec.ts › b › c", "[chromium] › a.spec.ts › b", "[chromium] › a.spec.ts"),
        ] {
            assert_eq!(units(runner, name), (Some(class), Some(file)), "{runner} {name}");
        }
    }

    #[test]
    fn what_names_do_not_tell_is_not_guessed() {
        assert_eq!(units("minitest", "TestA#test_b"), (Some("TestA"), None));
        assert_eq!(units("phpunit", "App\\ATest::testB with data set \"x::y\""), (Some("App\\ATest"), None));
        assert_eq!(units("rspec", "./spec/a_spec.rb > A does"), (None, Some("./spec/a_spec.rb")));
        assert_eq!(units("ctest", "anything"), (None, None));
        assert_eq!(units("googletest", "build/a.exe Suite/0.Test/1"), (Some("build/a.exe Suite/0"), None));
        assert_eq!(units("pytest", "odd"), (None, None), "a unit of its own");
    }

    #[test]
    fn runners_say_which_scopes_they_have() {
        let scopes = |name: &str| Runner::named(name, Vec::new()).map(|runner| runner.scopes());
        assert_eq!(scopes("pytest"), Some(vec![TestScope::Class, TestScope::File]));
        assert_eq!(scopes("rspec"), Some(vec![TestScope::File]));
        assert_eq!(scopes("minitest"), Some(vec![TestScope::Class]));
        assert_eq!(scopes("ctest"), Some(vec![]));
    }
}
