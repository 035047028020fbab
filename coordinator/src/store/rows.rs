//! The live rows, as every engine here keeps them in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Key, RowWrite, Value};

/// Live rows in the order of their keys, with their size.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: BTreeMap<Key, Value>,
    bytes: u64,
}

impl Rows {
    /// Carries out writes, in order.
    pub(super) fn apply(&mut self, writes: impl IntoIterator<Item = RowWrite>) {
        for write in writes {
            match write {
                RowWrite::Put { key, value } => self.put(key, value),
                RowWrite::Delete { key } => self.delete(&key),
            }
        }
    }

    /// The rows whose keys begin with the prefix.
    pub(super) fn scan(&self, prefix: &[u8]) -> Vec<(Key, Value)> {
        let from = self.rows.range(Key(prefix.to_vec())..);
        let matching = from.take_while(|(key, _)| key.0.starts_with(prefix));
        matching.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The rows after this one, or all of them.
    pub(super) fn after(&self, key: Option<&Key>) -> impl Iterator<Item = (&Key, &Value)> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.rows.range::<Key, _>((from, Bound::Unbounded))
    }

    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Bytes of all keys and values.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn put(&mut self, key: Key, value: Value) {
        let key_bytes = key.0.len() as u64;
        self.bytes += value.0.len() as u64;
        match self.rows.insert(key, value) {
            Some(old) => self.bytes -= old.0.len() as u64,
            None => self.bytes += key_bytes,
        }
    }

    fn delete(&mut self, key: &Key) {
        if let Some(old) = self.rows.remove(key) {
            self.bytes -= (key.0.len() + old.0.len()) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_follows_every_write() {
        let put = |key: &[u8], value: &[u8]| RowWrite::Put { key: Key(key.to_vec()), value: Value(value.to_vec()) };
        let mut rows = Rows::default();
        rows.apply([put(b"a", b"123"), put(b"ab", b"1"), put(b"a", b"12345")]);
        assert_eq!((rows.len(), rows.bytes()), (2, 9));
        assert_eq!(rows.scan(b"ab"), [(Key(b"ab".to_vec()), Value(b"1".to_vec()))]);
        rows.apply([RowWrite::Delete { key: Key(b"a".to_vec()) }, RowWrite::Delete { key: Key(b"x".to_vec()) }]);
        assert_eq!((rows.len(), rows.bytes()), (1, 3));
    }
}
