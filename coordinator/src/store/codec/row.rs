//! One row as bytes.

use muster_proto::store::v1 as stored;
use muster_proto::store::v1::envelope::Row as Stored;
use muster_scheduler::{CountersRow, HistoryRow, Key, Row};
use muster_service::wire::WireError;
use muster_service::wire::types::{self, digest_to_proto};
use prost::Message;

use super::field::required;
use super::memory::{
    agent_health, agent_health_to_proto, memory_suite, memory_suite_to_proto, memory_test, memory_test_to_proto,
};
use super::summary::{run_summary, run_summary_to_proto};
use super::work::{
    batch_row, batch_row_to_proto, job_row, job_row_to_proto, lease_row, lease_row_to_proto, run_row, run_row_to_proto,
    test_names, test_names_to_proto, test_row, test_row_to_proto,
};
use super::{CodecError, WRITER_VERSION};
use crate::store::Value;

/// The row as the store keeps it.
#[must_use]
pub fn encode_row(row: &Row) -> Value {
    let stored = match row {
        Row::Counters(row) => Stored::Counters(stored::Counters { next_run: row.next_run }),
        Row::History(row) => Stored::History(history_to_proto(row)),
        Row::MemorySuite(row) => Stored::MemorySuite(memory_suite_to_proto(row)),
        Row::MemoryTest(row) => Stored::MemoryTest(memory_test_to_proto(row)),
        Row::AgentHealth(row) => Stored::AgentHealth(agent_health_to_proto(row)),
        Row::Run(row) => Stored::Run(run_row_to_proto(row)),
        Row::Job(row) => Stored::Job(job_row_to_proto(row)),
        Row::TestNames(row) => Stored::TestNames(test_names_to_proto(row)),
        Row::Test(row) => Stored::Test(test_row_to_proto(row)),
        Row::Lease(row) => Stored::Lease(lease_row_to_proto(row)),
        Row::Batch(row) => Stored::Batch(batch_row_to_proto(row)),
    };
    let least_writer_version = least_writer_version(&stored);
    Value(stored::Envelope { least_writer_version, row: Some(stored) }.encode_to_vec())
}

/// The row that these bytes are, found under this key.
///
/// # Errors
/// If it needs a newer writer, is of an unknown kind, is damaged, or belongs under another key.
pub fn decode_row(key: Key, value: &Value) -> Result<Row, CodecError> {
    let damaged = |detail: String| CodecError::Damaged { key, detail };
    let envelope = stored::Envelope::decode(value.0.as_slice()).map_err(|error| damaged(error.to_string()))?;
    if envelope.least_writer_version > WRITER_VERSION {
        return Err(CodecError::NewerWriter { key, least: envelope.least_writer_version, known: WRITER_VERSION });
    }
    let stored = envelope.row.ok_or(CodecError::UnknownKind { key })?;
    let row = row(stored).map_err(|error| damaged(error.to_string()))?;
    let own = row.key();
    if own == key { Ok(row) } else { Err(CodecError::Misplaced { key, own }) }
}

fn row(stored: Stored) -> Result<Row, WireError> {
    Ok(match stored {
        Stored::Counters(message) => Row::Counters(CountersRow { next_run: message.next_run }),
        Stored::History(message) => Row::History(Box::new(history(message)?)),
        Stored::MemorySuite(message) => Row::MemorySuite(memory_suite(message)?),
        Stored::MemoryTest(message) => Row::MemoryTest(Box::new(memory_test(message)?)),
        Stored::AgentHealth(message) => Row::AgentHealth(Box::new(agent_health(message))),
        Stored::Run(message) => Row::Run(Box::new(run_row(message)?)),
        Stored::Job(message) => Row::Job(Box::new(job_row(message)?)),
        Stored::TestNames(message) => Row::TestNames(test_names(message)?),
        Stored::Test(message) => Row::Test(Box::new(test_row(message)?)),
        Stored::Lease(message) => Row::Lease(Box::new(lease_row(message)?)),
        Stored::Batch(message) => Row::Batch(Box::new(batch_row(message)?)),
    })
}

fn history_to_proto(row: &HistoryRow) -> stored::History {
    stored::History {
        summary: Some(run_summary_to_proto(&row.summary)),
        request_id: row.request_id.clone(),
        report: Some(digest_to_proto(&row.report)),
    }
}

fn history(message: stored::History) -> Result<HistoryRow, WireError> {
    Ok(HistoryRow {
        summary: run_summary(required(message.summary, "summary")?)?,
        request_id: message.request_id,
        report: types::digest(&required(message.report, "report")?, "report")?,
    })
}

/// The version of the first writer that knows every field of this kind of row.
const fn least_writer_version(row: &Stored) -> u32 {
    match row {
        Stored::Counters(_) | Stored::TestNames(_) | Stored::Batch(_) => 1,
        Stored::History(_)
        | Stored::MemorySuite(_)
        | Stored::MemoryTest(_)
        | Stored::AgentHealth(_)
        | Stored::Job(_)
        | Stored::Test(_) => 2,
        Stored::Run(_) | Stored::Lease(_) => 3,
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
