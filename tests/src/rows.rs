//! The coordinator's own encoding of rows, for simulated stores: rows go through it whenever they are read.

use std::collections::BTreeMap;

use muster_coordinator::store::codec::{decode_all, encode_writes};
use muster_coordinator::store::{Key, RowWrite, Value};
use muster_scheduler::{Row, Write};
use muster_sim::disk::Encoding;

/// Rows as a coordinator stores and reads them. Beside them lie rows of a kind that no coordinator of today knows: they
/// have to stay as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoredRows;

impl Encoding for StoredRows {
    fn round_trip(&self, rows: Vec<Row>) -> Result<Vec<Row>, String> {
        let count = rows.len();
        let writes: Vec<Write> = rows.into_iter().map(Write::Put).collect();
        let mut stored: BTreeMap<Key, Value> = BTreeMap::new();
        stored.insert(Key(UNKNOWN_KEY.to_vec()), Value(b"of a later kind".to_vec()));
        for write in encode_writes(&writes) {
            match write {
                RowWrite::Put { key, value } => {
                    stored.insert(key, value);
                }
                RowWrite::Delete { key } => {
                    stored.remove(&key);
                }
            }
        }
        let stored: Vec<(Key, Value)> = stored.into_iter().collect();
        let decoded = decode_all(&stored).map_err(|error| error.to_string())?;
        if decoded.unknown != 1 || decoded.rows.len() != count {
            return Err(format!(
                "{count} rows and an unknown one were stored, {} rows are read and {} are unknown",
                decoded.rows.len(),
                decoded.unknown
            ));
        }
        Ok(decoded.rows)
    }
}

const UNKNOWN_KEY: &[u8] = b"\xee unknown";
