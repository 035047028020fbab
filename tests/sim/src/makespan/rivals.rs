//! How others split a suite, under the same conditions. Where an agent dies, they learn of it as soon as Muster does,
//! and run what it left on the slot that is free first: more than any of them is known to do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::{Fault, Slot, Suite};

/// A way of splitting a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rival {
    /// Equal numbers of tests in the order of discovery, fixed before the start.
    StaticByCount,
    /// Files packed by their known times, longest first, fixed before the start.
    StaticByFileTiming,
    /// Tests packed likewise.
    StaticByTestTiming,
    /// A queue of files, longest first.
    DynamicByFile,
}

impl Rival {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::StaticByCount, Self::StaticByFileTiming, Self::StaticByTestTiming, Self::DynamicByFile];

    /// In a few words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StaticByCount => "static by count",
            Self::StaticByFileTiming => "static by file timing",
            Self::StaticByTestTiming => "static by test timing",
            Self::DynamicByFile => "dynamic by file",
        }
    }
}

/// Time from the start to the last test's end.
#[must_use]
pub fn makespan_us(rival: Rival, suite: &Suite, slots: &[Slot], start_cost_us: u64) -> u64 {
    match rival {
        Rival::StaticByCount => {
            let share = suite.cases.len().div_ceil(slots.len());
            let units = suite.cases.chunks(share.max(1)).map(|part| part.iter().map(|case| case.real_us).sum());
            fixed(&units.map(|real| vec![real]).collect::<Vec<_>>(), slots, start_cost_us)
        }
        Rival::StaticByFileTiming => fixed(&packed(files(suite), slots.len()), slots, start_cost_us),
        Rival::StaticByTestTiming => fixed(&packed(tests(suite), slots.len()), slots, start_cost_us),
        Rival::DynamicByFile => queued(files(suite), slots, start_cost_us),
    }
}

/// What is known and what is true of the units that are dealt.
type Unit = (u64, u64);

fn files(suite: &Suite) -> Vec<Unit> {
    let unknown = suite.known_mean_us();
    let mut files: BTreeMap<usize, Unit> = BTreeMap::new();
    for case in &suite.cases {
        let file = files.entry(case.file).or_default();
        file.0 += case.known_us.unwrap_or(unknown);
        file.1 += case.real_us;
    }
    files.into_values().collect()
}

pub(super) fn tests(suite: &Suite) -> Vec<Unit> {
    let unknown = suite.known_mean_us();
    suite.cases.iter().map(|case| (case.known_us.unwrap_or(unknown), case.real_us)).collect()
}

/// Units packed longest first into the part that is least full; the true times of each part.
pub(super) fn packed(mut units: Vec<Unit>, parts: usize) -> Vec<Vec<u64>> {
    units.sort_by_key(|(known, _)| Reverse(*known));
    let mut packed = vec![Vec::new(); parts];
    let mut least: BinaryHeap<Reverse<(u64, usize)>> = (0..parts).map(|part| Reverse((0, part))).collect();
    for (known, real) in units {
        if let Some(Reverse((full, part))) = least.pop() {
            packed[part].push(real);
            least.push(Reverse((full + known, part)));
        }
    }
    packed
}

/// Part n on slot n. What a dead slot leaves goes to the slot that is through first.
fn fixed(parts: &[Vec<u64>], slots: &[Slot], start_cost_us: u64) -> u64 {
    let mut ends = Vec::new();
    let mut left = Vec::new();
    for (part, slot) in parts.iter().zip(slots) {
        let mut at = slot.joins_us + start_cost_us;
        for (place, real) in part.iter().enumerate() {
            match after(slot, at, *real) {
                Some(end) => at = end,
                None => {
                    left.push(part[place..].iter().sum::<u64>());
                    at = u64::MAX;
                    break;
                }
            }
        }
        if at < u64::MAX {
            ends.push(at);
        }
    }
    let mut free: BinaryHeap<Reverse<u64>> = ends.iter().map(|end| Reverse(*end)).collect();
    for real in left {
        if let Some(Reverse(at)) = free.pop() {
            ends.push(at + start_cost_us + real);
            free.push(Reverse(at + start_cost_us + real));
        }
    }
    ends.into_iter().max().unwrap_or(0)
}

/// Each slot takes the next unit when it is free.
fn queued(mut units: Vec<Unit>, slots: &[Slot], start_cost_us: u64) -> u64 {
    units.sort_by_key(|(known, _)| *known);
    let mut free: BinaryHeap<Reverse<(u64, usize)>> =
        slots.iter().enumerate().map(|(place, slot)| Reverse((slot.joins_us, place))).collect();
    let mut end = 0;
    while let Some((known, real)) = units.pop() {
        let Some(Reverse((at, place))) = free.pop() else { return end };
        match after(&slots[place], at + start_cost_us, real) {
            Some(done) => {
                end = end.max(done);
                free.push(Reverse((done, place)));
            }
            None => units.push((known, real)),
        }
    }
    end
}

/// When a slot is through with work that it begins at a moment; none: it dies before.
fn after(slot: &Slot, at_us: u64, real_us: u64) -> Option<u64> {
    let end = at_us + real_us * 100 / slot.speed;
    match slot.fault {
        None => Some(end),
        Some(Fault::Killed { at_us: dies } | Fault::Gone { at_us: dies }) => (end <= dies).then_some(end),
        Some(Fault::Frozen { at_us: from, for_us }) if at_us < from + for_us && end > from => Some(end + for_us),
        Some(Fault::Frozen { .. }) => Some(end),
    }
}
