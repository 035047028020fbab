//! Rows, and the writes that one commit makes to them.

use super::CommitError;

/// The name of a row. Rows are ordered by the bytes of their keys. At most [`KEY_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Vec<u8>);

/// The content of a row, opaque to the store. At most [`VALUE_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(pub Vec<u8>);

/// One change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowWrite {
    /// The row has this value from now on, whether it was there or not.
    Put {
        /// Which row.
        key: Key,
        /// What it holds from now on.
        value: Value,
    },
    /// The row is gone. Nothing happens if it was not there.
    Delete {
        /// Which row.
        key: Key,
    },
}

/// The writes of one commit, in order: of two writes to the same row the later one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteBatch {
    writes: Vec<RowWrite>,
    bytes: usize,
}

impl WriteBatch {
    /// Adds a write that sets a row.
    pub fn put(&mut self, key: Key, value: Value) {
        self.push(RowWrite::Put { key, value });
    }

    /// Adds a write that removes a row.
    pub fn delete(&mut self, key: Key) {
        self.push(RowWrite::Delete { key });
    }

    /// Adds a write.
    pub fn push(&mut self, write: RowWrite) {
        self.bytes += write.bytes();
        self.writes.push(write);
    }

    /// The writes, in order.
    pub fn writes(&self) -> &[RowWrite] {
        &self.writes
    }

    /// How many writes there are.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// There is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of all keys and values together. A caller that gathers many steps into one commit stops well below
    /// [`BATCH_BYTES_MAX`].
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Refuses a batch that is over a limit.
    pub(super) fn check(&self) -> Result<(), CommitError> {
        let refused = |what, bytes, bytes_max| CommitError::TooLarge { what, bytes, bytes_max };
        if self.bytes > BATCH_BYTES_MAX {
            return Err(refused("a batch", self.bytes, BATCH_BYTES_MAX));
        }
        for write in &self.writes {
            let key = write.key().0.len();
            if key > KEY_BYTES_MAX {
                return Err(refused("a key", key, KEY_BYTES_MAX));
            }
            let value = write.bytes() - key;
            if value > VALUE_BYTES_MAX {
                return Err(refused("a value", value, VALUE_BYTES_MAX));
            }
        }
        Ok(())
    }

    pub(super) fn into_writes(self) -> Vec<RowWrite> {
        self.writes
    }
}

impl Extend<RowWrite> for WriteBatch {
    fn extend<T: IntoIterator<Item = RowWrite>>(&mut self, writes: T) {
        writes.into_iter().for_each(|write| self.push(write));
    }
}

impl FromIterator<RowWrite> for WriteBatch {
    fn from_iter<T: IntoIterator<Item = RowWrite>>(writes: T) -> Self {
        let mut batch = Self::default();
        batch.extend(writes);
        batch
    }
}

impl RowWrite {
    /// The row that is written.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value } => key.0.len() + value.0.len(),
            Self::Delete { key } => key.0.len(),
        }
    }
}

/// Bytes of one key.
pub const KEY_BYTES_MAX: usize = 8 << 10;
/// Bytes of one value: above every row that the coordinator accepts from outside.
pub const VALUE_BYTES_MAX: usize = 16 << 20;
/// Bytes of all keys and values of one commit.
pub const BATCH_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_a_limit_is_refused_by_name() {
        let batch = |key: usize, value: usize| {
            WriteBatch::from_iter([RowWrite::Put { key: Key(vec![0; key]), value: Value(vec![0; value]) }])
        };
        assert!(batch(KEY_BYTES_MAX, VALUE_BYTES_MAX).check().is_ok());
        let refused = |batch: WriteBatch| match batch.check() {
            Err(CommitError::TooLarge { what, .. }) => what,
            other => panic!("expected a refusal, got {other:?}"),
        };
        assert_eq!(refused(batch(KEY_BYTES_MAX + 1, 0)), "a key");
        assert_eq!(refused(batch(0, VALUE_BYTES_MAX + 1)), "a value");
        let many = (0..5).flat_map(|_| batch(0, VALUE_BYTES_MAX).into_writes()).collect();
        assert_eq!(refused(many), "a batch");
    }
}
