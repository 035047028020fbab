//! What is recorded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file or directory, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

/// The recorded directory itself.
pub(crate) const ROOT: NodeId = NodeId(0);

/// A place for a node: an entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The directory.
    pub directory: NodeId,
    /// The name in it.
    pub name: String,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
}

/// One thing that happened. It stands where its system call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A file or directory was made, empty.
    Create {
        /// Where.
        name: Name,
        /// The new node.
        node: NodeId,
        /// What it is.
        kind: NodeKind,
    },
    /// A node got another name; what had that name before has none any more.
    Rename {
        /// The old name.
        from: Name,
        /// The new one.
        to: Name,
    },
    /// A file or an empty directory was removed.
    Remove {
        /// Its name.
        name: Name,
    },
    /// Bytes were written.
    Write {
        /// The file.
        node: NodeId,
        /// Where they begin.
        offset: u64,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A file was cut or extended by zeros.
    Resize {
        /// The file.
        node: NodeId,
        /// Its length from then on.
        bytes: u64,
    },
    /// A sync was asked for: it is about all that stands before this event.
    SyncBegun {
        /// The file or directory.
        node: NodeId,
        /// Which sync.
        sync: u32,
    },
    /// A sync has succeeded.
    SyncEnded {
        /// Which one.
        sync: u32,
    },
    /// The process wrote a line to its standard output, or the experiment noted something.
    Note(String),
    /// The process was killed or ended. The kernel still has all that it had written.
    Ended,
}

/// Events in their order, shared with those who add notes.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Event>>>);

/// All that happened in one directory, from a state that was wholly durable.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The events, the first of which make the state at the beginning.
    pub events: Vec<Event>,
    /// How many of them were durable at the beginning.
    pub durable: usize,
}

impl Log {
    /// Notes something: it happened after all that has been recorded, and before all that will be.
    pub fn note(&self, text: impl Into<String>) {
        self.push(Event::Note(text.into()));
    }

    /// The first thing that `find` finds among the notes.
    #[must_use]
    pub fn find_note<T>(&self, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let events = self.lock();
        events.iter().find_map(|event| if let Event::Note(text) = event { find(text) } else { None })
    }

    pub(crate) fn push(&self, event: Event) {
        self.lock().push(event);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn ends_with_rename(&self) -> bool {
        matches!(self.lock().last(), Some(Event::Rename { .. }))
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
