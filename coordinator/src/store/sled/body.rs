//! The writes inside the frames of one commit, and the rows inside the frames of a base.

use prost::encoding::{decode_varint, encode_varint};

use crate::store::{Key, RowWrite, Value};

/// Appends a write that sets a row.
pub(super) fn put(body: &mut Vec<u8>, key: &Key, value: &Value) {
    body.push(PUT);
    bytes(body, &key.0);
    bytes(body, &value.0);
}

/// Appends any write.
pub(super) fn write(body: &mut Vec<u8>, write: &RowWrite) {
    match write {
        RowWrite::Put { key, value } => put(body, key, value),
        RowWrite::Delete { key } => {
            body.push(DELETE);
            bytes(body, &key.0);
        }
    }
}

/// Reads all writes. The error says what is wrong.
pub(super) fn decode(mut body: &[u8]) -> Result<Vec<RowWrite>, &'static str> {
    let mut writes = Vec::new();
    while let Some((&tag, rest)) = body.split_first() {
        body = rest;
        let key = Key(take(&mut body)?);
        writes.push(match tag {
            PUT => RowWrite::Put { key, value: Value(take(&mut body)?) },
            DELETE => RowWrite::Delete { key },
            _ => return Err("a write is neither a put nor a delete"),
        });
    }
    Ok(writes)
}

fn bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    encode_varint(bytes.len() as u64, body);
    body.extend(bytes);
}

fn take(body: &mut &[u8]) -> Result<Vec<u8>, &'static str> {
    const CUT: &str = "a write is cut off";
    let length = decode_varint(body).map_err(|_| CUT)?;
    let length = usize::try_from(length).map_err(|_| CUT)?;
    let (taken, rest) = body.split_at_checked(length).ok_or(CUT)?;
    *body = rest;
    Ok(taken.to_vec())
}

const PUT: u8 = 1;
const DELETE: u8 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_write() -> impl Strategy<Value = RowWrite> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
        (bytes(), proptest::option::of(bytes())).prop_map(|(key, value)| match value {
            Some(value) => RowWrite::Put { key: Key(key), value: Value(value) },
            None => RowWrite::Delete { key: Key(key) },
        })
    }

    proptest! {
        #[test]
        fn writes_are_read_as_they_were_written(writes in proptest::collection::vec(any_write(), 0..10)) {
            let mut body = Vec::new();
            writes.iter().for_each(|row| write(&mut body, row));
            prop_assert_eq!(decode(&body), Ok(writes));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }
}
