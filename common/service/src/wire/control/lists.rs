//! Lists that messages of both directions hold.

use muster_common::id::{TestIndex, Token};
use muster_common::limits;
use muster_proto::v1;

use crate::wire::types::{token, token_to_proto};
use crate::wire::{WireError, at_most};

pub(super) fn tokens_to_proto(tokens: &[Token]) -> Vec<v1::FencingToken> {
    tokens.iter().copied().map(token_to_proto).collect()
}

pub(super) fn tokens(messages: Vec<v1::FencingToken>, field: &'static str) -> Result<Vec<Token>, WireError> {
    at_most(messages.len(), limits::CLAIMS_PER_OPEN_MAX, field)?;
    messages.into_iter().map(|message| token(Some(message), field)).collect()
}

pub(super) fn indexes_to_proto(tests: &[TestIndex]) -> Vec<u32> {
    tests.iter().map(|test| test.0).collect()
}

pub(super) fn indexes(tests: Vec<u32>, field: &'static str) -> Result<Vec<TestIndex>, WireError> {
    at_most(tests.len(), limits::TESTS_PER_MESSAGE_MAX, field)?;
    Ok(tests.into_iter().map(TestIndex).collect())
}
