//! What a disk holds for certain, and what it may hold besides.

use std::collections::{HashMap, HashSet};

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::event::{Event, Name, NodeId, NodeKind, ROOT, Recording};
use crate::image::{Image, Mix};
use crate::pages::Pages;
use crate::tree::Tree;

/// A disk that goes along a recording.
///
/// It is as forgetful as its interface allows: a sync of a file makes its content and its length durable, not its name; a
/// sync of a directory makes the changes of its own names durable, and those changes of the same names that came before.
#[derive(Clone, Debug)]
pub struct Disk<'r> {
    recording: &'r Recording,
    neglect: Neglect,
    at: usize,
    files: HashMap<NodeId, Pages<'r>>,
    /// The names that are durable.
    tree: Tree,
    /// Changes of names that are not durable, in order.
    pending: Vec<(usize, &'r Event)>,
    /// The newest change of names that is durable. A journal has all before it, too.
    newest_durable: usize,
    syncs: HashMap<u32, (NodeId, usize)>,
    first_names: HashMap<NodeId, &'r str>,
}

/// Syncs that are taken for not made. An experiment that finds no loss then has no teeth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neglect {
    /// Every sync counts.
    Nothing,
    /// No sync counts.
    Everything,
    /// Those of directories do not count.
    Directories,
    /// Those of files that were made under a name that begins so do not count.
    Files(&'static str),
}

impl<'r> Disk<'r> {
    /// The disk at the beginning of a recording.
    #[must_use]
    pub fn new(recording: &'r Recording, neglect: Neglect) -> Self {
        let mut disk = Self {
            recording,
            neglect,
            at: 0,
            files: HashMap::new(),
            tree: Tree::new(),
            pending: Vec::new(),
            newest_durable: 0,
            syncs: HashMap::new(),
            first_names: HashMap::new(),
        };
        disk.advance(recording.durable);
        disk.files.values_mut().for_each(|pages| pages.sync(recording.durable));
        disk.pending.drain(..).for_each(|(_, event)| disk.tree.apply(event));
        disk
    }

    /// Goes on until `count` events of the recording have happened.
    pub fn advance(&mut self, count: usize) {
        for at in self.at..count {
            self.take(at, &self.recording.events[at]);
        }
        self.at = self.at.max(count);
    }

    /// A content that the disk may hold now.
    #[must_use]
    pub fn image(&self, mix: Mix, rng: &mut SmallRng) -> Image {
        let until = rng.random_range(0..=self.at);
        let mut tree = self.tree.clone();
        for event in self.names(mix, until, rng) {
            tree.apply(event);
        }
        let mut image = Image::default();
        for (path, node, kind) in tree.walk() {
            let content = (kind == NodeKind::File).then(|| self.content(node, mix, until, rng));
            image.add(path, content);
        }
        image
    }

    fn content(&self, node: NodeId, mix: Mix, until: usize, rng: &mut SmallRng) -> Vec<u8> {
        let Some(pages) = self.files.get(&node) else { return Vec::new() };
        match mix {
            Mix::Nothing => pages.until(0),
            Mix::Everything => pages.until(usize::MAX),
            Mix::InOrder => pages.until(until),
            Mix::Journal { is_torn } | Mix::Any { is_torn } => pages.draw(is_torn, rng),
        }
    }

    /// The changes of names that have reached the disk without being asked for.
    fn names(&self, mix: Mix, until: usize, rng: &mut SmallRng) -> Vec<&'r Event> {
        let first = |count: usize| self.pending.iter().take(count).map(|(_, event)| *event).collect();
        let before = |place: usize| self.pending.iter().take_while(|(at, _)| *at < place).count();
        match mix {
            Mix::Nothing => Vec::new(),
            Mix::Everything => first(self.pending.len()),
            Mix::InOrder => first(before(until)),
            Mix::Journal { .. } => first(rng.random_range(before(self.newest_durable)..=self.pending.len())),
            Mix::Any { .. } => {
                let chance = [0.1, 0.5, 0.9][rng.random_range(0..3)];
                let chosen: HashSet<usize> =
                    self.pending.iter().filter(|_| rng.random_bool(chance)).map(|(at, _)| *at).collect();
                let chosen = self.with_what_came_before(chosen);
                self.pending.iter().filter(|(at, _)| chosen.contains(at)).map(|(_, event)| *event).collect()
            }
        }
    }

    fn take(&mut self, at: usize, event: &'r Event) {
        match event {
            Event::Create { name, node, kind } => {
                self.tree.add(*node, *kind);
                self.first_names.insert(*node, &name.name);
                self.pending.push((at, event));
            }
            Event::Rename { .. } | Event::Remove { .. } => self.pending.push((at, event)),
            Event::Write { node, .. } | Event::Resize { node, .. } => {
                self.files.entry(*node).or_default().change(at, event);
            }
            Event::SyncBegun { node, sync } => drop(self.syncs.insert(*sync, (*node, at))),
            Event::SyncEnded { sync } => {
                if let Some((node, begun)) = self.syncs.remove(sync) {
                    self.sync(node, begun);
                }
            }
            Event::Note(_) | Event::Ended => {}
        }
    }

    /// All that happened to a node before its sync began is durable.
    fn sync(&mut self, node: NodeId, begun: usize) {
        let name = self.first_names.get(&node).copied().unwrap_or_default();
        let is_directory = node == ROOT || self.tree.is_directory(node);
        match self.neglect {
            Neglect::Everything => return,
            Neglect::Directories if is_directory => return,
            Neglect::Files(begin) if !is_directory && name.starts_with(begin) => return,
            Neglect::Nothing | Neglect::Directories | Neglect::Files(_) => {}
        }
        if !is_directory {
            self.files.entry(node).or_default().sync(begun);
            return;
        }
        let of_directory = |event: &Event| names(event).iter().any(|name| name.directory == node);
        let pending = self.pending.iter().filter(|(at, event)| *at < begun && of_directory(event));
        let durable = self.with_what_came_before(pending.map(|(at, _)| *at).collect());
        self.newest_durable = self.newest_durable.max(durable.iter().copied().max().unwrap_or(0));
        for (_, event) in self.pending.extract_if(.., |(at, _)| durable.contains(at)) {
            self.tree.apply(event);
        }
    }

    /// These changes and all earlier ones of the same names, without which they make no sense.
    fn with_what_came_before(&self, mut chosen: HashSet<usize>) -> HashSet<usize> {
        let mut needed: HashSet<&Name> = HashSet::new();
        for (at, event) in self.pending.iter().rev() {
            let names = names(event);
            if chosen.contains(at) || names.iter().any(|name| needed.contains(name)) {
                chosen.insert(*at);
                needed.extend(names);
            }
        }
        chosen
    }
}

/// The names that an event changes.
fn names(event: &Event) -> Vec<&Name> {
    match event {
        Event::Create { name, .. } | Event::Remove { name } => vec![name],
        Event::Rename { from, to } => vec![from, to],
        Event::Write { .. }
        | Event::Resize { .. }
        | Event::SyncBegun { .. }
        | Event::SyncEnded { .. }
        | Event::Note(_)
        | Event::Ended => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    fn name(name: &str) -> Name {
        Name { directory: ROOT, name: name.to_owned() }
    }

    fn create(text: &str, node: u32) -> Event {
        Event::Create { name: name(text), node: NodeId(node), kind: NodeKind::File }
    }

    fn write(node: u32, text: &str) -> Event {
        Event::Write { node: NodeId(node), offset: 0, data: text.as_bytes().to_vec() }
    }

    /// Every content that the directory may have after all events, as `name=content`.
    fn contents(events: Vec<Event>, neglect: Neglect) -> BTreeSet<String> {
        let recording = Recording { events, durable: 0 };
        let mut disk = Disk::new(&recording, neglect);
        disk.advance(recording.events.len());
        let mut rng = SmallRng::seed_from_u64(1);
        let images = (0..400).map(|_| disk.image(Mix::draw(&mut rng), &mut rng));
        images.map(|image| image.to_string()).collect()
    }

    fn synced(node: u32, sync: u32) -> [Event; 2] {
        [Event::SyncBegun { node: NodeId(node), sync }, Event::SyncEnded { sync }]
    }

    #[test]
    fn a_file_replaced_by_the_rules_is_old_or_new_and_then_new() {
        let mut events = vec![create("a", 1), write(1, "old")];
        events.extend(synced(1, 1));
        events.extend(synced(0, 2));
        events.extend([create("a.next", 2), write(2, "new")]);
        events.extend(synced(2, 3));
        events.push(Event::Rename { from: name("a.next"), to: name("a") });
        let found = contents(events.clone(), Neglect::Nothing);
        assert_eq!(found, ["a=old", "a=old a.next=new", "a=new"].map(str::to_owned).into());
        events.extend(synced(0, 4));
        assert_eq!(contents(events.clone(), Neglect::Nothing), ["a=new".to_owned()].into());

        assert!(contents(events.clone(), Neglect::Files("a.next")).contains("a="));
        assert!(contents(events.clone(), Neglect::Directories).contains("a=old"));
        assert!(contents(events, Neglect::Everything).contains(""));
    }

    #[test]
    fn names_reach_the_disk_in_any_order_but_each_in_its_own() {
        let events = vec![create("a", 1), create("b", 2), Event::Remove { name: name("a") }];
        let found = contents(events, Neglect::Nothing);
        assert_eq!(found, ["", "a=", "b=", "a= b="].map(str::to_owned).into());
    }

    #[test]
    fn a_sync_is_about_what_stands_before_its_beginning() {
        let (begun, ended) = (Event::SyncBegun { node: NodeId(1), sync: 1 }, Event::SyncEnded { sync: 1 });
        let mut events = vec![create("a", 1), write(1, "1"), begun, write(1, "2"), ended];
        events.extend(synced(0, 2));
        assert_eq!(contents(events, Neglect::Nothing), ["a=1", "a=2"].map(str::to_owned).into());
    }
}
