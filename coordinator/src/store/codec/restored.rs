//! The mark of a store that was made from a backup.

use std::collections::BTreeSet;

use muster_common::id::RunId;
use muster_common::time::Wall;
use muster_proto::store::v1 as stored;
use prost::Message;

use super::CodecError;
use crate::store::{Key, Value};

/// The store was made from a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When.
    pub at: Wall,
    /// When the backup was taken.
    pub taken: Wall,
    /// Runs that were open in it.
    pub open_runs: BTreeSet<RunId>,
}

impl Restored {
    /// Under which key it is stored; the scheduler knows nothing of it.
    #[must_use]
    pub fn key() -> Key {
        Key(vec![RESTORED])
    }

    /// The mark as the store keeps it.
    #[must_use]
    pub fn encode(&self) -> Value {
        let open_runs = self.open_runs.iter().map(|run| run.0).collect();
        let mark = stored::Restored { at_unix_ms: self.at.unix_ms, taken_unix_ms: self.taken.unix_ms, open_runs };
        Value(mark.encode_to_vec())
    }

    /// The mark that these bytes are.
    ///
    /// # Errors
    /// If they are none.
    pub fn decode(value: &Value) -> Result<Self, CodecError> {
        let mark = stored::Restored::decode(value.0.as_slice());
        let mark = mark.map_err(|error| CodecError::Mark { detail: error.to_string() })?;
        Ok(Self {
            at: Wall { unix_ms: mark.at_unix_ms },
            taken: Wall { unix_ms: mark.taken_unix_ms },
            open_runs: mark.open_runs.into_iter().map(RunId).collect(),
        })
    }
}

// Stored: never changed. Rows of the scheduler's kinds begin with other bytes.
const RESTORED: u8 = 0x08;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_read_as_it_was_written() {
        let open_runs = [RunId(3), RunId(9)].into();
        let mark = Restored { at: Wall { unix_ms: 5 }, taken: Wall { unix_ms: 4 }, open_runs };
        assert_eq!(Restored::decode(&mark.encode()), Ok(mark));
        assert!(Restored::decode(&Value(vec![0xff])).is_err());
        assert_eq!(super::super::decode_key(&Restored::key()), Ok(None));
    }
}
