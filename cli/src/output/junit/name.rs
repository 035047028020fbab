//! A test's id as `classname` and `name`, the way its runner's own JUnit XML parts it.

use muster_common::spec::{RunSpec, Runner, Work};
use std::collections::BTreeMap;

use crate::output::text::one_line;

/// How the ids of a runner are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunnerKind {
    /// `<binary id> <test name>`.
    Rust,
    /// `<path>::<class>::<test>[<parameters>]`.
    Pytest,
    /// Anything.
    Generic,
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
                Runner::CargoNextest { .. } | Runner::CargoTest { .. } => Self::Rust,
                Runner::Pytest { .. } => Self::Pytest,
                Runner::Generic { .. } => Self::Generic,
            }),
            Work::Steps(_) | Work::TestBuild(_) => None,
        });
        (0..).zip(kinds).filter_map(|(job, kind)| Some((job, kind?))).collect()
    }
}

/// Parts `id`. Of a test whose runner is not known, by what the id looks like. `job` is the class of ids that have none.
pub(crate) fn part(id: &str, runner: Option<RunnerKind>, job: &str) -> Name {
    let parted = match runner {
        Some(RunnerKind::Rust) => rust(id),
        Some(RunnerKind::Pytest) => pytest(id),
        Some(RunnerKind::Generic) => None,
        None => pytest(id).filter(|_| id.contains(".py::")).or_else(|| rust(id).filter(|_| looks_like_rust(id))),
    };
    parted.unwrap_or_else(|| Name { class: one_line(job), name: one_line(id), file: None })
}

/// As nextest does: the binary's id is the class.
fn rust(id: &str) -> Option<Name> {
    let (class, name) = id.split_once(' ')?;
    Some(Name { class: one_line(class), name: one_line(name), file: None })
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
            ("shop::cart tests::adds", RunnerKind::Rust, "shop::cart", "tests::adds"),
            ("shop src/lib.rs - add (line 3)", RunnerKind::Rust, "shop", "src/lib.rs - add (line 3)"),
            (
                "tests/test_a.py::TestB::test_c[x::y/z.py]",
                RunnerKind::Pytest,
                "tests.test_a.TestB",
                "test_c[x::y/z.py]",
            ),
            ("test_a.py::test_c", RunnerKind::Pytest, "test_a", "test_c"),
            ("README.md::README.md", RunnerKind::Pytest, "README.md", "README.md"),
            ("adds two", RunnerKind::Generic, "unit", "adds two"),
            ("no_space", RunnerKind::Rust, "unit", "no_space"),
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
