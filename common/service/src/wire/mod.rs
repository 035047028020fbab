//! The wire form of the vocabulary: between `muster_proto::v1` and `muster_common`.
//!
//! Everything that comes in is checked here, once: a value of a `muster_common` type made by this module obeys the limits
//! of `muster_common::limits` that its shape can break (lengths, counts, digests, paths).

pub mod control;
pub mod spec;
pub mod types;

#[cfg(test)]
mod round_trip;

/// A message does not say what it must.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field that must be there is not.
    #[error("field `{field}` is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field has a value that it may not have.
    #[error("field `{field}` is invalid: {why}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A field is longer than it may be.
    #[error("field `{field}` has {found}, the limit is {limit}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length or count.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

impl WireError {
    /// The field that it is about.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Missing { field } | Self::Invalid { field, .. } | Self::TooLong { field, .. } => field,
        }
    }
}

fn required<T>(value: Option<T>, field: &'static str) -> Result<T, WireError> {
    value.ok_or(WireError::Missing { field })
}

fn at_most(found: usize, limit: usize, field: &'static str) -> Result<(), WireError> {
    if found > limit { Err(WireError::TooLong { field, found, limit }) } else { Ok(()) }
}

fn unknown_enum<T>(field: &'static str) -> Result<T, WireError> {
    Err(WireError::Invalid { field, why: "unknown or unspecified value".to_owned() })
}
