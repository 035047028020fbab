//! Labels of agents, and what jobs ask of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What an agent says of itself, such as `os=linux`. A label without a value, such as `gpu`, has the empty value.
pub type Labels = BTreeMap<String, String>;

/// One thing that a job asks of its agent, as `runs-on` writes it.
///
/// `key=value` holds where the agent has exactly that label. A bare `word` holds where the agent has a label with that
/// key, or one with that value: `linux` is satisfied by `os=linux`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Requirement(pub String);

impl Requirement {
    /// Whether an agent with `labels` has it.
    #[must_use]
    pub fn holds(&self, labels: &Labels) -> bool {
        match self.0.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(&self.0) || labels.values().any(|value| *value == self.0),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether an agent with `labels` has everything that is asked for.
#[must_use]
pub fn all_hold(requirements: &[Requirement], labels: &Labels) -> bool {
    requirements.iter().all(|requirement| requirement.holds(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_word_is_a_key_or_a_value_and_a_pair_is_exact() {
        let labels: Labels = [("os", "linux"), ("gpu", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        for (text, expected) in
            [("linux", true), ("gpu", true), ("os=linux", true), ("os", true), ("os=mac", false), ("arm", false)]
        {
            assert_eq!(Requirement(text.to_owned()).holds(&labels), expected, "{text}");
        }
        assert!(all_hold(&[], &Labels::new()));
    }
}
