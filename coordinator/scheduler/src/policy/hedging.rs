//! When tests that are held by a doubtful agent may be started a second time elsewhere.

/// Whether doubt about agents may be acted on: when too many of them are silent at once it is an outage, and copies of
/// everything would only add to it.
pub(crate) fn may_copy(agents_doubtful: usize, agents: usize) -> bool {
    agents_doubtful <= 1 || agents_doubtful * OUTAGE_SHARE < agents
}

/// One part in so many silent agents at once is an outage.
const OUTAGE_SHARE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_silent_agent_is_copied_and_a_silent_quarter_is_an_outage() {
        assert!(may_copy(1, 2));
        assert!(may_copy(2, 9));
        assert!(!may_copy(2, 8));
        assert!(!may_copy(100, 200));
    }
}
