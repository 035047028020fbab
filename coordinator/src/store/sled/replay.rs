//! Reads the journals and judges them: every acknowledged commit is there, in order, unchanged, or the store is refused.

use std::path::Path;

use muster_common::id::Epoch;

use super::body;
use super::engine::Fault;
use super::frame::{Frame, Hash, Kind, Position};
use super::manifest::Manifest;
use crate::store::rows::Rows;
use crate::store::{FrameFault, OpenError};

/// What the journals hold, together with the base before them.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) rows: Rows,
    pub(super) epoch: Epoch,
    /// The last frame of the last whole commit.
    pub(super) end: Position,
    /// Bytes of the frames of the last journal.
    pub(super) bytes: u64,
    /// Behind `end` lie frames of a commit that was never finished.
    pub(super) has_leftovers: bool,
}

/// Journals that are being read, one after the other.
pub(super) struct Replay {
    /// Frames that are known from outside and must be found as they were.
    known: Vec<Position>,
    newest: Position,
    /// The commit of which the last frame has not been seen: its kind, its epoch and the frames' bodies.
    open: Option<(Kind, Epoch, Vec<u8>)>,
    done: Replayed,
}

impl Replay {
    /// Begins with the rows of the base. `acknowledged` is the newest frame that an outside witness knows of.
    pub(super) fn new(rows: Rows, manifest: &Manifest, acknowledged: Position) -> Self {
        let end = manifest.before;
        Self {
            known: [Some(manifest.complete), manifest.next.map(|next| next.before), Some(acknowledged)]
                .into_iter()
                .flatten()
                .collect(),
            newest: end,
            open: None,
            done: Replayed { rows, epoch: manifest.epoch, end, bytes: 0, has_leftovers: false },
        }
    }

    /// Reads the next journal's frames, in order.
    pub(super) fn read<B: AsRef<[u8]>>(
        &mut self,
        dir: &Path,
        entries: impl Iterator<Item = Result<(B, B), Fault>>,
    ) -> Result<(), OpenError> {
        self.done.bytes = 0;
        for entry in entries {
            let (key, bytes) = entry.map_err(|fault| fault.into_open_error(dir))?;
            let expected = self.newest.seq + 1;
            let found = key.as_ref().first_chunk::<8>().map_or(0, |seq| u64::from_be_bytes(*seq));
            if found != expected || key.as_ref().len() != 8 {
                return Err(OpenError::Gap { dir: dir.to_owned(), expected, found });
            }
            let taken = self.take(expected, bytes.as_ref());
            taken.map_err(|fault| OpenError::Frame { dir: dir.to_owned(), seq: expected, fault })?;
        }
        Ok(())
    }

    /// Ends the journal that was read last: it must reach so far.
    pub(super) fn require_end(&self, dir: &Path, end: Position) -> Result<(), OpenError> {
        let ends_at = self.done.end.seq;
        if ends_at < end.seq {
            return Err(OpenError::MissingTail { dir: dir.to_owned(), ends_at, acknowledged: end.seq });
        }
        Ok(())
    }

    /// Ends the last journal: nothing that is known from outside may be missing.
    pub(super) fn finish(mut self, dir: &Path) -> Result<Replayed, OpenError> {
        if let Some(newest) = self.known.iter().max_by_key(|known| known.seq) {
            self.require_end(dir, *newest)?;
        }
        self.done.has_leftovers = self.newest.seq > self.done.end.seq;
        Ok(self.done)
    }

    fn take(&mut self, seq: u64, bytes: &[u8]) -> Result<(), FrameFault> {
        let frame = Frame::decode(bytes)?;
        if frame.seq != seq {
            return Err(FrameFault::Misplaced(frame.seq));
        }
        if frame.previous != self.newest.hash {
            return Err(FrameFault::BrokenChain("it does not follow the frame before it"));
        }
        self.newest = Position { seq, hash: Hash::of(bytes) };
        self.done.bytes += bytes.len() as u64;
        self.check_known(&frame)?;
        self.check_order(&frame)?;
        let (kind, epoch, mut body) = self.open.take().unwrap_or((frame.kind, frame.epoch, Vec::new()));
        if (kind, epoch) != (frame.kind, frame.epoch) {
            return Err(FrameFault::BrokenChain("it goes on with another commit than the one begun before it"));
        }
        body.extend_from_slice(frame.body);
        if frame.is_last {
            self.done.rows.apply(body::decode(&body).map_err(FrameFault::Rows)?);
            self.done.epoch = epoch;
            self.done.end = self.newest;
        } else {
            self.open = Some((kind, epoch, body));
        }
        Ok(())
    }

    /// A frame that is known from outside must be that frame, and end a commit.
    fn check_known(&self, frame: &Frame<'_>) -> Result<(), FrameFault> {
        for known in self.known.iter().filter(|known| known.seq == frame.seq) {
            if known.hash != self.newest.hash {
                return Err(FrameFault::BrokenChain("it is not the frame that was made durable under this number"));
            }
            if !frame.is_last {
                return Err(FrameFault::BrokenChain("it was acknowledged, but does not end a commit"));
            }
        }
        Ok(())
    }

    fn check_order(&self, frame: &Frame<'_>) -> Result<(), FrameFault> {
        let (found, current) = (frame.epoch, self.done.epoch);
        let follows = match frame.kind {
            Kind::Base => return Err(FrameFault::BrokenChain("it is a block of rows, not of commits")),
            Kind::Commit => found == current,
            Kind::Epoch => found > current,
        };
        if follows { Ok(()) } else { Err(FrameFault::WrongEpoch { found, current }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sled::base::Seal;
    use crate::store::sled::manifest::Next;
    use crate::store::{Key, RowWrite, Value};

    /// A journal in memory: epoch 1, a commit of two frames, two commits of one.
    struct Fixture {
        frames: Vec<Vec<u8>>,
        manifest: Manifest,
    }

    impl Fixture {
        fn new() -> Self {
            let before = Position { seq: 40, hash: Hash::of(b"before") };
            let mut fixture = Self {
                frames: Vec::new(),
                manifest: Manifest {
                    store_id: 1,
                    generation: 2,
                    epoch: Epoch(0),
                    base: Seal { bytes: 0, hash: before.hash },
                    before,
                    complete: before,
                    next: None,
                },
            };
            fixture.push(Kind::Epoch, true, 1, &[]);
            fixture.manifest.complete = fixture.end();
            fixture.push(Kind::Commit, true, 1, &put(1));
            let (two, cut) = ([put(2), put(3)].concat(), 5);
            fixture.push(Kind::Commit, false, 1, &two[..cut]);
            fixture.push(Kind::Commit, true, 1, &two[cut..]);
            fixture.push(Kind::Commit, true, 1, &put(4));
            fixture
        }

        fn push(&mut self, kind: Kind, is_last: bool, epoch: u64, body: &[u8]) {
            let Position { seq, hash: previous } = self.end();
            self.frames.push(Frame { kind, is_last, epoch: Epoch(epoch), seq: seq + 1, previous, body }.encode());
        }

        fn end(&self) -> Position {
            let before = self.manifest.before;
            let hash = self.frames.last().map_or(before.hash, |bytes| Hash::of(bytes));
            Position { seq: before.seq + self.frames.len() as u64, hash }
        }

        fn replay(&self, acknowledged: Position) -> Result<Replayed, OpenError> {
            let first = self.manifest.before.seq + 1;
            self.replay_entries((first..).zip(&self.frames), acknowledged)
        }

        fn replay_entries<'a>(
            &self,
            entries: impl Iterator<Item = (u64, &'a Vec<u8>)>,
            acknowledged: Position,
        ) -> Result<Replayed, OpenError> {
            let entries = entries.map(|(seq, bytes)| Ok((seq.to_be_bytes().to_vec(), bytes.clone())));
            let mut replay = Replay::new(Rows::default(), &self.manifest, acknowledged);
            replay.read(Path::new("journal"), entries)?;
            replay.finish(Path::new("journal"))
        }
    }

    fn put(key: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        body::write(&mut bytes, &RowWrite::Put { key: Key(vec![key]), value: Value(vec![key; 3]) });
        bytes
    }

    fn fault(result: Result<Replayed, OpenError>) -> (u64, FrameFault) {
        match result {
            Err(OpenError::Frame { seq, fault, .. }) => (seq, fault),
            other => panic!("expected a frame to be refused, got {other:?}"),
        }
    }

    #[test]
    fn a_whole_journal_is_read_whole() {
        let fixture = Fixture::new();
        let replayed = fixture.replay(fixture.end()).expect("nothing is wrong with it");
        assert_eq!((replayed.rows.len(), replayed.epoch, replayed.end), (4, Epoch(1), fixture.end()));
        assert!(!replayed.has_leftovers);
    }

    #[test]
    fn an_unfinished_commit_at_the_end_does_not_count() {
        let mut fixture = Fixture::new();
        let acknowledged = fixture.end();
        fixture.push(Kind::Commit, false, 1, &put(5));
        let replayed = fixture.replay(acknowledged).expect("nothing acknowledged is missing");
        assert_eq!((replayed.rows.len(), replayed.end), (4, acknowledged));
        assert!(replayed.has_leftovers);
    }

    #[test]
    fn a_missing_tail_is_refused_and_an_unacknowledged_one_is_not() {
        let mut fixture = Fixture::new();
        let whole = fixture.end();
        fixture.frames.pop();
        let shorter = fixture.end();
        assert!(fixture.replay(shorter).is_ok());
        let refused = fixture.replay(whole).expect_err("an acknowledged frame is missing");
        assert!(matches!(refused, OpenError::MissingTail { ends_at: 44, acknowledged: 45, .. }), "{refused}");
        fixture.frames.clear();
        let refused = fixture.replay(fixture.manifest.before).expect_err("the beginning is missing");
        assert!(matches!(refused, OpenError::MissingTail { ends_at: 40, acknowledged: 41, .. }), "{refused}");
    }

    #[test]
    fn a_gap_is_refused_with_its_place() {
        let fixture = Fixture::new();
        let entries = (41..).zip(&fixture.frames).filter(|(seq, _)| *seq != 43);
        let refused = fixture.replay_entries(entries, fixture.end()).expect_err("a frame is missing");
        assert!(matches!(refused, OpenError::Gap { expected: 43, found: 44, .. }), "{refused}");
    }

    #[test]
    fn a_frame_of_another_journal_breaks_the_chain() {
        let mut fixture = Fixture::new();
        let mut other = Fixture::new();
        other.frames.pop();
        other.push(Kind::Commit, true, 1, &put(9));
        let end = other.frames.last().expect("it has frames").clone();
        fixture.frames[4] = end;
        let (seq, fault) = fault(fixture.replay(Fixture::new().end()));
        assert_eq!(seq, 45);
        assert!(matches!(fault, FrameFault::BrokenChain(_)), "{fault}");
    }

    #[test]
    fn an_epoch_only_rises_and_only_by_being_raised() {
        for (kind, epoch) in [(Kind::Commit, 2), (Kind::Commit, 0), (Kind::Epoch, 1)] {
            let mut fixture = Fixture::new();
            fixture.push(kind, true, epoch, &[]);
            let (seq, fault) = fault(fixture.replay(fixture.manifest.complete));
            assert_eq!(seq, 46);
            assert_eq!(fault, FrameFault::WrongEpoch { found: Epoch(epoch), current: Epoch(1) });
        }
    }

    #[test]
    fn the_next_journal_goes_on_where_the_manifest_says() {
        let whole = Fixture::new();
        let mut fixture = Fixture::new();
        fixture.frames.truncate(4);
        fixture.manifest.next = Some(Next { epoch: Epoch(1), before: fixture.end() });
        let mut replay = Replay::new(Rows::default(), &fixture.manifest, whole.end());
        let entry = |seq: u64| Ok((seq.to_be_bytes().to_vec(), whole.frames[seq as usize - 41].clone()));
        replay.read(Path::new("first"), (41..=44).map(entry)).expect("nothing is wrong with it");
        replay.require_end(Path::new("first"), fixture.end()).expect("it is whole");
        assert!(replay.require_end(Path::new("first"), whole.end()).is_err());
        replay.read(Path::new("second"), std::iter::once(45).map(entry)).expect("nothing is wrong with it");
        let replayed = replay.finish(Path::new("second")).expect("nothing is missing");
        assert_eq!((replayed.rows.len(), replayed.end), (4, whole.end()));
        assert_eq!(replayed.bytes, whole.frames[4].len() as u64);
    }

    #[test]
    fn a_damaged_frame_is_refused_even_if_it_was_never_acknowledged() {
        let mut fixture = Fixture::new();
        fixture.frames[4][60] ^= 1;
        assert_eq!(fault(fixture.replay(fixture.manifest.complete)), (45, FrameFault::Checksum));
    }
}
