//! What the reference says of a reason's code.

/// The meaning of a code, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// What it means.
    pub(super) meaning: &'static str,
    /// What to do.
    pub(super) advice: &'static str,
}

/// The line of `docs/reference/reasons.md` about `code`.
pub(super) fn of(code: &str) -> Option<Advice> {
    REFERENCE.lines().find_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let found = cells.next()?.strip_suffix('`')?;
        let (meaning, advice) = (cells.next()?, cells.next()?.strip_suffix(" |")?);
        (found == code).then_some(Advice { meaning, advice })
    })
}

const REFERENCE: &str = include_str!("../../../docs/reference/reasons.md");

#[cfg(test)]
mod tests {
    use muster_common::error_code::ReasonCode;

    use super::*;

    #[test]
    fn every_reason_has_a_meaning_and_something_to_do() {
        for code in ReasonCode::ALL {
            let advice = of(code.word());
            assert!(advice.is_some_and(|advice| !advice.meaning.is_empty() && !advice.advice.is_empty()), "{code:?}");
        }
        assert_eq!(of("no such code"), None);
    }
}
