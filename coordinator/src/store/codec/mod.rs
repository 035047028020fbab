//! The scheduler's rows as bytes.
//!
//! A key is one byte for the kind of row, then its numbers as big-endian bytes, so that the order of the bytes is the
//! order of [`muster_scheduler::Key`] and what others refer to is restored first. A value is one
//! `muster.store.v1.Envelope`, which says the least version of row writers that may rewrite it.
//!
//! What a newer coordinator wrote is never damaged by an older one: a row of a known kind that needs a newer writer, or
//! whose content is of a kind unknown here, refuses the start and is named; rows under an unknown first byte are not
//! touched at all, and the store carries them along byte for byte.

mod error;
mod field;
mod key;
mod memory;
mod restored;
mod row;
mod rows;
mod summary;
mod work;

pub use error::CodecError;
pub(crate) use field::{test_try, test_try_to_proto};
pub use key::{decode_key, encode_key};
pub use restored::Restored;
pub use row::{decode_row, encode_row};
pub use rows::{Decoded, decode_all, encode_writes};
pub(crate) use summary::{run_summary, run_summary_to_proto};
pub(crate) use work::{run_row, run_row_to_proto};

/// Version of this writer of rows. It rises when a kind of row gets a field that an older writer would lose.
pub const WRITER_VERSION: u32 = 3;
