//! The content of one file on a disk that has been told to write and not yet to sync.
//!
//! The kernel writes pages back when it likes, each as it is at that moment, and the length of the file apart from them.
//! A page that is being written when the power goes is torn between sectors.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::event::Event;

/// What is durable of a file, and what was done to it since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages<'r> {
    durable: Vec<u8>,
    /// With the place of each in the recording.
    pending: Vec<(usize, &'r Event)>,
}

/// For each sector of a page, after how many of the pending changes it was written; 0: it is as it was.
type Versions = [usize; SECTORS];

impl<'r> Pages<'r> {
    /// A change that is not durable.
    pub(crate) fn change(&mut self, at: usize, event: &'r Event) {
        self.pending.push((at, event));
    }

    /// All changes before a place in the recording are durable.
    pub(crate) fn sync(&mut self, before: usize) {
        let count = self.pending.iter().take_while(|(at, _)| *at < before).count();
        for (_, event) in self.pending.drain(..count) {
            apply(&mut self.durable, event);
        }
    }

    /// The content if everything before a place in the recording has been written, and nothing after it.
    pub(crate) fn until(&self, before: usize) -> Vec<u8> {
        let mut content = self.durable.clone();
        let changes = self.pending.iter().take_while(|(at, _)| *at < before);
        changes.for_each(|(_, event)| apply(&mut content, event));
        content
    }

    /// A content that the disk may hold, drawn at random.
    pub(crate) fn draw(&self, is_torn: bool, rng: &mut SmallRng) -> Vec<u8> {
        match rng.random_range(0..4) {
            0 => return self.durable.clone(),
            1 => return self.until(usize::MAX),
            _ => {}
        }
        let (touched, lengths) = self.touched();
        let versions: HashMap<usize, Versions> =
            touched.iter().map(|(&page, changes)| (page, versions(changes, is_torn, rng))).collect();
        let (mut now, mut drawn) = (self.durable.clone(), self.durable.clone());
        for (number, (_, event)) in (1..).zip(&self.pending) {
            for page in pages(&range(event, now.len())) {
                // Cut off now, it may still be on the disk.
                take_sectors(&mut drawn, &now, page, versions.get(&page), number - 1);
            }
            apply(&mut now, event);
            for page in pages(&range(event, now.len())) {
                take_sectors(&mut drawn, &now, page, versions.get(&page), number);
            }
        }
        drawn.resize(lengths[rng.random_range(0..lengths.len())], 0);
        drawn
    }

    /// For each page the changes that touch it, from 1; and all lengths that the file has had.
    fn touched(&self) -> (BTreeMap<usize, Vec<usize>>, Vec<usize>) {
        let mut touched: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut lengths = vec![self.durable.len()];
        for (number, (_, event)) in (1..).zip(&self.pending) {
            let length = *lengths.last().expect("the first one is there");
            for page in pages(&range(event, length)) {
                touched.entry(page).or_default().push(number);
            }
            let after = length_after(event, length);
            if after != length {
                lengths.push(after);
            }
        }
        (touched, lengths)
    }
}

fn versions(changes: &[usize], is_torn: bool, rng: &mut SmallRng) -> Versions {
    let mut draw = || match rng.random_range(0..=changes.len()) {
        0 => 0,
        number => changes[number - 1],
    };
    let (first, second) = (draw(), draw());
    let mut versions = [first; SECTORS];
    if is_torn {
        versions.iter_mut().for_each(|version| *version = if rng.random() { first } else { second });
    }
    versions
}

/// Copies those sectors of a page that were written at this version.
fn take_sectors(drawn: &mut Vec<u8>, now: &[u8], page: usize, versions: Option<&Versions>, version: usize) {
    for (number, _) in versions.into_iter().flatten().enumerate().filter(|(_, found)| **found == version) {
        let begin = page * PAGE_BYTES + number * SECTOR_BYTES;
        let end = begin + SECTOR_BYTES;
        if drawn.len() < end {
            drawn.resize(end, 0);
        }
        let there = now.len().clamp(begin, end);
        if begin < there {
            drawn[begin..there].copy_from_slice(&now[begin..there]);
        }
        drawn[there..end].fill(0);
    }
}

fn apply(content: &mut Vec<u8>, event: &Event) {
    let length = length_after(event, content.len());
    content.resize(length, 0);
    if let Event::Write { offset, data, .. } = event {
        let begin = place(*offset);
        content[begin..begin + data.len()].copy_from_slice(data);
    }
}

fn length_after(event: &Event, length: usize) -> usize {
    match event {
        Event::Write { offset, data, .. } => length.max(place(*offset) + data.len()),
        Event::Resize { bytes, .. } => place(*bytes),
        Event::Create { .. }
        | Event::Rename { .. }
        | Event::Remove { .. }
        | Event::SyncBegun { .. }
        | Event::SyncEnded { .. }
        | Event::Note(_)
        | Event::Ended => length,
    }
}

/// The bytes whose content an event may change, in a file of this length.
fn range(event: &Event, length: usize) -> Range<usize> {
    match event {
        Event::Write { offset, data, .. } => place(*offset)..place(*offset) + data.len(),
        Event::Resize { bytes, .. } => place(*bytes).min(length)..length,
        Event::Create { .. }
        | Event::Rename { .. }
        | Event::Remove { .. }
        | Event::SyncBegun { .. }
        | Event::SyncEnded { .. }
        | Event::Note(_)
        | Event::Ended => 0..0,
    }
}

fn pages(range: &Range<usize>) -> Range<usize> {
    range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES)
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("recorded files fit into memory")
}

const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;
const SECTORS: usize = PAGE_BYTES / SECTOR_BYTES;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng as _;

    use super::*;
    use crate::event::NodeId;

    fn write(offset: u64, byte: u8, length: usize) -> Event {
        Event::Write { node: NodeId(1), offset, data: vec![byte; length] }
    }

    #[test]
    fn what_is_synced_is_there_and_every_mixture_of_the_rest_is_found() {
        let events = [write(0, 1, 2 * PAGE_BYTES), write(0, 2, PAGE_BYTES), write(PAGE_BYTES as u64, 3, PAGE_BYTES)];
        let mut pages = Pages::default();
        events.iter().enumerate().for_each(|(at, event)| pages.change(at, event));
        pages.sync(1);
        let mut found = HashSet::new();
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..200 {
            let drawn = pages.draw(false, &mut rng);
            assert_eq!(drawn.len(), 2 * PAGE_BYTES);
            assert!(drawn.chunks(PAGE_BYTES).all(|page| page.iter().all(|byte| *byte == page[0])), "no page is torn");
            found.insert((drawn[0], drawn[PAGE_BYTES]));
        }
        assert_eq!(found, HashSet::from([(1, 1), (1, 3), (2, 1), (2, 3)]));
    }

    #[test]
    fn torn_pages_are_torn_between_sectors() {
        let events = [write(0, 1, PAGE_BYTES), write(0, 2, PAGE_BYTES)];
        let mut pages = Pages::default();
        events.iter().enumerate().for_each(|(at, event)| pages.change(at, event));
        pages.sync(1);
        let mut rng = SmallRng::seed_from_u64(1);
        let mut is_torn = false;
        for _ in 0..50 {
            let drawn = pages.draw(true, &mut rng);
            assert!(drawn.chunks(SECTOR_BYTES).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
            is_torn |= drawn.iter().any(|byte| *byte != drawn[0]);
        }
        assert!(is_torn);
    }

    #[test]
    fn the_length_and_the_content_reach_the_disk_apart() {
        let events = [write(0, 1, 100), Event::Resize { node: NodeId(1), bytes: 0 }, write(0, 2, 50)];
        let mut pages = Pages::default();
        events.iter().enumerate().for_each(|(at, event)| pages.change(at, event));
        pages.sync(1);
        let mut rng = SmallRng::seed_from_u64(1);
        let found: HashSet<_> =
            (0..200).map(|_| pages.draw(false, &mut rng)).map(|drawn| (drawn.len(), drawn.first().copied())).collect();
        for possible in [(100, Some(1)), (0, None), (50, Some(2)), (50, Some(1)), (50, Some(0))] {
            assert!(found.contains(&possible), "{possible:?} is not among {found:?}");
        }
    }
}
