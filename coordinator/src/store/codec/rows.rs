//! All that a store held, and all that a step writes.

use muster_scheduler::{Row, Write};

use super::{CodecError, Restored, decode_key, decode_row, encode_key, encode_row};
use crate::store::{self, RowWrite, Value};

/// What a store held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The rows, in the order of their keys.
    pub rows: Vec<Row>,
    /// How many rows are of kinds that this coordinator does not know. They stay in the store as they are.
    pub unknown: usize,
    /// The mark of a store that was made from a backup.
    pub restored: Option<Restored>,
}

/// The rows that a store held, in the order in which it gave them.
///
/// # Errors
/// At the first row that cannot be taken over without losing something.
pub fn decode_all(stored: &[(store::Key, Value)]) -> Result<Decoded, CodecError> {
    let mut decoded = Decoded::default();
    let mark = Restored::key();
    for (key, value) in stored {
        if *key == mark {
            decoded.restored = Some(Restored::decode(value)?);
            continue;
        }
        match decode_key(key)? {
            Some(key) => decoded.rows.push(decode_row(key, value)?),
            None => decoded.unknown += 1,
        }
    }
    Ok(decoded)
}

/// The writes of a step as the store takes them.
pub fn encode_writes(writes: &[Write]) -> impl Iterator<Item = RowWrite> {
    writes.iter().map(|write| match write {
        Write::Put(row) => RowWrite::Put { key: encode_key(row.key()), value: encode_row(row) },
        Write::Delete(key) => RowWrite::Delete { key: encode_key(*key) },
    })
}
