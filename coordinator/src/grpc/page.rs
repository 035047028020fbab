//! Page sizes and page tokens.

use std::str::FromStr;

use tonic::Status;

use super::status::invalid;

/// The page size that is meant: 0 is the default, and nothing is above the limit.
pub(super) fn size(asked: u32, default: usize, max: usize) -> usize {
    match asked as usize {
        0 => default,
        asked => asked.min(max),
    }
}

/// Where a page begins; none: at the start.
pub(super) fn token<T: FromStr>(text: &str) -> Result<Option<T>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| unknown_token())
}

/// A place in the order of jobs and tests.
pub(super) fn place(text: &str) -> Result<(u32, u32), Status> {
    if text.is_empty() {
        return Ok((0, 0));
    }
    let parsed = text.split_once('.').and_then(|(job, test)| Some((job.parse().ok()?, test.parse().ok()?)));
    parsed.ok_or_else(unknown_token)
}

/// The token of a place.
pub(super) fn place_token(place: Option<(u32, u32)>) -> String {
    place.map(|(job, test)| format!("{job}.{test}")).unwrap_or_default()
}

fn unknown_token() -> Status {
    invalid("page_token", "is not the next_page_token of an earlier answer")
}
