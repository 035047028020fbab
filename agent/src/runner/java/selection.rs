//! Which class and method a name leads to.

/// A class, and one of its methods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Selection {
    pub(super) class: String,
    /// None where the name is not that of a method, such as one made for people: the whole class is run.
    pub(super) method: Option<String>,
}

impl Selection {
    /// What has to be run for the test of this name: of a method with parameters all of its calls.
    pub(super) fn of(name: &str) -> Self {
        let (class, test) = name.split_once('#').unwrap_or((name, ""));
        let method = test.split(['(', '[', '{', ' ']).next().unwrap_or(test);
        let is_method = !method.is_empty()
            && !method.starts_with(|character: char| character.is_ascii_digit())
            && method.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '$'));
        let has_words = test.contains(' ') && !test.contains('(') && !test.contains('[');
        Self { class: class.to_owned(), method: (is_method && !has_words).then(|| method.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_methods_or_else_to_classes() {
        for (name, method) in [
            ("c.ATest#adds", Some("adds")),
            ("c.ATest#adds(int, int)[2]", Some("adds")),
            ("c.ATest#adds[1: 2]", Some("adds")),
            ("c.ATest#[1] 3, 4", None),
            ("c.ATest#adds two numbers", None),
        ] {
            let found = Selection::of(name);
            assert_eq!((found.class.as_str(), found.method.as_deref()), ("c.ATest", method), "{name}");
        }
    }
}
