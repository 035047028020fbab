//! What stands in the spool of an agent, read as its next life would read it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use muster_common::control::FromAgent;
use muster_proto::v1::SessionRequest;
use muster_service::wire::control::from_agent;
use prost::Message;

/// The tests of which a spool holds a result, by their names in our suites. A spool that is not there holds none.
#[must_use]
pub fn results_in(folder: &Path) -> BTreeSet<String> {
    let content = fs::read(folder.join("messages")).unwrap_or_default();
    let mut rest = content.as_slice();
    let mut found = BTreeSet::new();
    while let Some((message, after)) = next(rest) {
        if let FromAgent::TestResults(results) = message {
            found.extend(results.results.iter().map(|result| format!("test-{}", result.test.0 + 1)));
        }
        rest = after;
    }
    found
}

/// A record is a length, a checksum, and the message as it goes over the wire.
fn next(content: &[u8]) -> Option<(FromAgent, &[u8])> {
    let length = u32::from_le_bytes(content.get(..4)?.try_into().ok()?) as usize;
    let payload = content.get(8..8 + length)?;
    let (_, message) = from_agent(SessionRequest::decode(payload).ok()?).ok()?;
    Some((message, &content[8 + length..]))
}
