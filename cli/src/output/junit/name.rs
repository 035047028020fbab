//! A test's id as `classname` and `name`, the way its runner's own JUnit XML parts it.

use muster_common::spec::{RunSpec, Runner, Work};
use std::collections::BTreeMap;

use crate::output::text::one_line;

/// How the ids of a runner are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunnerKind {
    /// `<binary id> <test name>`, or `<package> <test name>`.
    Spaced,
    /// `<path>::<class>::<test>[<parameters>]`.
    Pytest,
    /// `<module>.<class>.<test>`.
    Dotted,
    /// `<file> > <title> > <title>`, or with ` › `.
    Titled,
    /// `<class>#<method>`.
    Hashed,
    /// `<class>::<method>`.
    Colons,
    /// Anything.
    Whole,
}

/// The two parts of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// What groups tests.
    pub(crate) class: String,
    /// The test in its group.
    pub(crate) name: String,
    /// The file that it is in, where the id tells.
    pub(crate) file: Option<String>,
}

impl RunnerKind {
    /// Of the test jobs of `spec`, by job number.
    pub(crate) fn of_jobs(spec: &RunSpec) -> BTreeMap<u32, Self> {
        let kinds = spec.jobs.iter().map(|job| match &job.work {
            Work::Tests(tests) => Some(match tests.runner {
                Runner::CargoNextest { .. } | Runner::CargoTest { .. } | Runner::Go { .. } => Self::Spaced,
                Runner::Pytest { .. } => Self::Pytest,
                Runner::Unittest { .. } | Runner::Googletest { .. } => Self::Dotted,
                Runner::Jest { .. }
                | Runner::Vitest { .. }
                | Runner::Mocha { .. }
                | Runner::Playwright { .. }
                | Runner::Rspec { .. } => Self::Titled,
                Runner::Minitest { .. } | Runner::Maven { .. } | Runner::Gradle { .. } => Self::Hashed,
                Runner::Phpunit { .. } => Self::Colons,
                Runner::Ctest { .. } | Runner::Generic { .. } => Self::Whole,
            }),
            Work::Steps(_) | Work::TestBuild(_) => None,
        });
        (0..).zip(kinds).filter_map(|(job, kind)| Some((job, kind?))).collect()
    }
}

/// Parts `id`. Of a test whose runner is not known, by what the id looks like. `job` is the class of ids that have none.
pub(crate) fn part(id: &str, runner: Option<RunnerKind>, job: &str) -> Name {
    let parted = match runner {
        Some(RunnerKind::Spaced) => spaced(id),
        Some(RunnerKind::Pytest) => pytest(id),
        Some(RunnerKind::Dotted) => id.rsplit_once('.').map(bare),
        Some(RunnerKind::Titled) => titled(id),
        Some(RunnerKind::Hashed) => id.split_once('#').map(bare),
        Some(RunnerKind::Colons) => id.split_once("::").map(bare),
        Some(RunnerKind::Whole) => None,
        None => pytest(id).filter(|_| id.contains(".py::")).or_else(|| spaced(id).filter(|_| looks_like_rust(id))),
    };
    parted.unwrap_or_else(|| Name { class: one_line(job), name: one_line(id), file: None })
}

fn bare((class, name): (&str, &str)) -> Name {
    Name { class: one_line(class), name: one_line(name), file: None }
}

/// As nextest does: the binary's id is the class.
fn spaced(id: &str) -> Option<Name> {
    id.split_once(' ').map(bare)
}

/// As Vitest does: the file is the class.
fn titled(id: &str) -> Option<Name> {
    let places = [" > ", " \u{203a} "].into_iter().filter_map(|mark| id.find(mark).map(|place| (place, mark)));
    let (place, mark) = places.min()?;
    let (file, title) = (&id[..place], &id[place + mark.len()..]);
    Some(Name { class: one_line(file), name: one_line(title), file: Some(one_line(file)) })
}

/// As pytest does: the class is the path with dots and without `.py`, and the classes in it; parameters stay with the
/// name, whatever they hold.
fn pytest(id: &str) -> Option<Name> {
    let (address, parameters) = match id.find('[') {
        Some(bracket) => id.split_at(bracket),
        None => (id, ""),
    };
    let mut parts: Vec<&str> = address.split("::").collect();
    let name = parts.pop().filter(|_| !parts.is_empty())?;
    let file = parts[0].to_owned();
    let dotted = file.replace('/', ".");
    let module = dotted.strip_suffix(".py").unwrap_or(&dotted);
    let class = std::iter::once(module).chain(parts[1..].iter().copied()).collect::<Vec<_>>().join(".");
    Some(Name { class: one_line(&class), name: one_line(&format!("{name}{parameters}")), file: Some(one_line(&file)) })
}

fn looks_like_rust(id: &str) -> bool {
    let is_of_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'/' | b'.');
    id.bytes().filter(|byte| *byte == b' ').count() == 1 && id.bytes().all(|byte| byte == b' ' || is_of_path(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(id: &str, runner: Option<RunnerKind>) -> (String, String) {
        let name = part(id, runner, "unit");
        (name.class, name.name)
    }

    #[test]
    fn ids_are_parted_as_their_runners_do() {
        for (id, runner, class, name) in [
            ("shop::cart tests::adds", RunnerKind::Spaced, "shop::cart", "tests::adds"),
            ("shop src/lib.rs - add (line 3)", RunnerKind::Spaced, "shop", "src/lib.rs - add (line 3)"),
            (
                "tests/test_a.py::TestB::test_c[x::y/z.py]",
                RunnerKind::Pytest,
                "tests.test_a.TestB",
                "test_c[x::y/z.py]",
            ),
            ("test_a.py::test_c", RunnerKind::Pytest, "test_a", "test_c"),
            ("README.md::README.md", RunnerKind::Pytest, "README.md", "README.md"),
            ("adds two", RunnerKind::Whole, "unit", "adds two"),
            ("tests.test_a.TestB.test_c", RunnerKind::Dotted, "tests.test_a.TestB", "test_c"),
            ("src/a.test.ts > sums > a › b", RunnerKind::Titled, "src/a.test.ts", "sums > a › b"),
            ("a.test.js › sums › a > b", RunnerKind::Titled, "a.test.js", "sums › a > b"),
            ("a.test.js", RunnerKind::Titled, "unit", "a.test.js"),
            ("com.x.CartTest#adds", RunnerKind::Hashed, "com.x.CartTest", "adds"),
            ("CartTest::adds with data set #0", RunnerKind::Colons, "CartTest", "adds with data set #0"),
            ("no_space", RunnerKind::Spaced, "unit", "no_space"),
        ] {
            assert_eq!(parted(id, Some(runner)), (class.to_owned(), name.to_owned()), "{id}");
        }
    }

    #[test]
    fn without_a_runner_the_look_of_the_id_decides() {
        assert_eq!(parted("shop::cart tests::adds", None).0, "shop::cart");
        assert_eq!(parted("tests/test_a.py::test_c[a b]", None).0, "tests.test_a");
        assert_eq!(parted("it adds two numbers", None).0, "unit");
    }

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(parted("test_a.py::test_b[\u{1b}\n]", Some(RunnerKind::Pytest)).1, "test_b[\\x1b\\n]");
    }
}
