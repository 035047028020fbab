//! The simulated store: acknowledged commits survive everything, unacknowledged ones wholly or not at all.

use std::collections::BTreeMap;
use std::rc::Rc;

use muster_common::id::Epoch;
use muster_scheduler::{Key, Row, Write};

/// Rows under their keys.
pub type Rows = BTreeMap<Key, Rc<Row>>;

/// One change of the store.
#[derive(Clone, Debug)]
pub enum Change {
    /// A row was put.
    Put(Rc<Row>),
    /// A row was deleted.
    Delete(Key),
}

/// Turns the rows that were stored into those that a coordinator reads, as an encoding of rows does. The rows come and
/// go in the order of their keys.
pub trait Encoding {
    /// Through the encoding and back.
    ///
    /// # Errors
    /// If a row is refused: why.
    fn round_trip(&self, rows: Vec<Row>) -> Result<Vec<Row>, String>;
}

/// What is durable.
#[derive(Debug, Default)]
pub struct Disk {
    rows: Rows,
    epoch: u64,
    commits: u64,
    refused: u64,
    fault: DiskFault,
    has_lied: bool,
}

/// What is wrong with the store at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskFault {
    /// Nothing.
    #[default]
    None,
    /// There is no room: nothing can be written, not even an epoch.
    Full,
    /// The next commit fails and leaves nothing.
    FailsNext,
    /// The next commit fails, but is there.
    LiesNext,
}

/// A commit was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFailure {
    /// A newer life writes to this store.
    Stale,
    /// It failed; nobody knows what is there.
    Unknown,
}

impl Change {
    /// The change of a write.
    #[must_use]
    pub fn of(write: Write) -> Self {
        match write {
            Write::Put(row) => Self::Put(Rc::new(row)),
            Write::Delete(key) => Self::Delete(key),
        }
    }

    /// The key that it changes.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Put(row) => row.key(),
            Self::Delete(key) => *key,
        }
    }

    /// Makes it.
    pub fn apply(&self, rows: &mut Rows) {
        match self {
            Self::Put(row) => {
                rows.insert(row.key(), Rc::clone(row));
            }
            Self::Delete(key) => {
                rows.remove(key);
            }
        }
    }
}

impl Disk {
    /// What is durable.
    #[must_use]
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The newest epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// Commits that were made.
    #[must_use]
    pub const fn commits(&self) -> u64 {
        self.commits
    }

    /// Commits that were refused because their epoch was not the newest.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Whether the last commit was made although it was said to have failed.
    pub(crate) const fn has_lied(&self) -> bool {
        self.has_lied
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn fault(&self) -> DiskFault {
        self.fault
    }

    /// Breaks or mends it.
    pub(crate) fn set_fault(&mut self, fault: DiskFault) {
        self.fault = fault;
    }

    /// Begins a life; none: there is no room to write the epoch.
    pub(crate) fn raise_epoch(&mut self) -> Option<Epoch> {
        if self.fault == DiskFault::Full {
            return None;
        }
        self.epoch += 1;
        Some(Epoch(self.epoch))
    }

    /// Makes changes durable, all or none.
    pub(crate) fn commit(&mut self, epoch: Epoch, changes: &[Change]) -> Result<(), CommitFailure> {
        self.has_lied = false;
        if epoch.0 != self.epoch {
            self.refused += 1;
            return Err(CommitFailure::Stale);
        }
        match self.fault {
            DiskFault::None => {
                self.apply(changes);
                Ok(())
            }
            DiskFault::Full => Err(CommitFailure::Unknown),
            DiskFault::FailsNext => {
                self.fault = DiskFault::None;
                Err(CommitFailure::Unknown)
            }
            DiskFault::LiesNext => {
                self.fault = DiskFault::None;
                self.apply(changes);
                self.has_lied = true;
                Err(CommitFailure::Unknown)
            }
        }
    }

    fn apply(&mut self, changes: &[Change]) {
        self.commits += 1;
        for change in changes {
            change.apply(&mut self.rows);
        }
    }
}
