//! The bound that no way of dealing can beat.

use super::{Fault, Slot, Suite};

/// The least time in which the slots could run the suite if tests could be cut as one likes, but for the longest, which
/// some slot has to run whole: max(longest test, total work / slots) where all slots are alike and there from the
/// start. Otherwise slots count from when they come, at their speed, until they die and not while they are frozen; what
/// a dead one had begun is counted as if it were not lost.
#[must_use]
pub fn bound_us(suite: &Suite, slots: &[Slot]) -> u64 {
    let total = suite.total_us();
    let (mut low, mut high) = (0, u64::from(u32::MAX) * 1_000);
    while low + 1 < high {
        let middle = u64::midpoint(low, high);
        let done: u64 = slots.iter().map(|slot| work_until(slot, middle)).sum();
        if done >= total {
            high = middle;
        } else {
            low = middle;
        }
    }
    let healthy = slots.iter().filter(|slot| slot.fault.is_none());
    let longest = healthy.map(|slot| slot.joins_us + suite.longest_us() * 100 / slot.speed).min().unwrap_or(0);
    high.max(longest)
}

/// Work that a slot can have done by a moment.
fn work_until(slot: &Slot, at_us: u64) -> u64 {
    let until = |end: u64| end.saturating_sub(slot.joins_us);
    let time = match slot.fault {
        None => until(at_us),
        Some(Fault::Killed { at_us: end } | Fault::Gone { at_us: end }) => until(at_us.min(end)),
        Some(Fault::Frozen { at_us: from, for_us }) => until(at_us.min(from)) + at_us.saturating_sub(from + for_us),
    };
    time * slot.speed / 100
}
