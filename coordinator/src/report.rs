//! A finished run's report as a blob: a protobuf message, compressed with zstd.

use std::io::Read as _;

use muster_common::id::{JobId, TestIndex};
use muster_proto::store::v1 as stored;
use muster_scheduler::{Report, TestReport};
use muster_service::wire::WireError;
use muster_service::wire::types::{self, job_to_proto, verdict_to_proto};
use prost::Message as _;

use crate::store::codec;

/// A blob is not a report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// It cannot be decompressed.
    #[error("cannot decompress the report")]
    Compression(#[source] std::io::Error),
    /// It is larger than a report can be.
    #[error("the report has more than {REPORT_BYTES_MAX} bytes")]
    TooLarge,
    /// It is no message of this kind.
    #[error("the report is damaged")]
    Message(#[source] prost::DecodeError),
    /// A field is missing or wrong.
    #[error("the report is damaged")]
    Field(#[from] WireError),
}

/// The report as it is stored.
///
/// # Errors
/// If there is no memory to compress it.
pub(crate) fn encode(report: &Report) -> std::io::Result<Vec<u8>> {
    let message = stored::Report {
        run: Some(codec::run_row_to_proto(&report.run)),
        summary: Some(codec::run_summary_to_proto(&report.summary)),
        tests: report.tests.iter().map(test_to_proto).collect(),
    };
    zstd::encode_all(message.encode_to_vec().as_slice(), COMPRESSION_LEVEL)
}

/// The report that [`encode`] wrote.
///
/// # Errors
/// If it is none, or larger than [`REPORT_BYTES_MAX`].
pub(crate) fn decode(blob: &[u8]) -> Result<Report, ReportError> {
    let mut bytes = Vec::new();
    let decoder = zstd::Decoder::new(blob).map_err(ReportError::Compression)?;
    decoder.take(REPORT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(ReportError::Compression)?;
    if bytes.len() as u64 > REPORT_BYTES_MAX {
        return Err(ReportError::TooLarge);
    }
    let message = stored::Report::decode(bytes.as_slice()).map_err(ReportError::Message)?;
    Ok(Report {
        run: codec::run_row(message.run.ok_or(WireError::Missing { field: "run" })?)?,
        summary: codec::run_summary(message.summary.ok_or(WireError::Missing { field: "summary" })?)?,
        tests: message.tests.into_iter().map(test).collect::<Result<_, _>>()?,
    })
}

/// A part of a report's tests, in the order of jobs and discovery, from a place in it on; and where the next part begins.
pub(crate) fn tests_from(report: &Report, from: (u32, u32), limit: usize) -> (&[TestReport], Option<(u32, u32)>) {
    let first = report.tests.partition_point(|test| place(test.job, test.test) < from);
    let rest = &report.tests[first..];
    let next = rest.get(limit).map(|test| place(test.job, test.test));
    (&rest[..limit.min(rest.len())], next)
}

fn place(job: JobId, test: TestIndex) -> (u32, u32) {
    (job.job.0, test.0)
}

fn test_to_proto(test: &TestReport) -> stored::TestReport {
    stored::TestReport {
        job: Some(job_to_proto(test.job)),
        test: test.test.0,
        name: test.name.clone(),
        verdict: test.verdict.map_or(0, |verdict| verdict_to_proto(verdict).into()),
        is_quarantined: test.is_quarantined,
        tries: test.tries.iter().map(codec::test_try_to_proto).collect(),
    }
}

fn test(message: stored::TestReport) -> Result<TestReport, WireError> {
    Ok(TestReport {
        job: types::job(message.job, "tests.job")?,
        test: TestIndex(message.test),
        name: message.name,
        verdict: types::verdict(message.verdict),
        is_quarantined: message.is_quarantined,
        tries: message.tries.into_iter().map(codec::test_try).collect::<Result<_, _>>()?,
        waits_for: String::new(),
    })
}

/// Bytes of a report before compression: a million tests with a few long tries.
const REPORT_BYTES_MAX: u64 = 4 << 30;
const COMPRESSION_LEVEL: i32 = 3;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use muster_common::id::{AgentName, Epoch, JobIndex, RunId, Token};
    use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};
    use muster_common::spec::RunSpec;
    use muster_common::time::Wall;
    use muster_scheduler::{End, RunRow, RunSummary, TestCounts, TryRow};

    use super::*;

    fn report(tests: u32) -> Report {
        let run = RunId(7);
        let end = Some(End { outcome: Outcome::Passed, reason: None, at: Wall { unix_ms: 9 } });
        let test = |index| TestReport {
            job: JobId { run, job: JobIndex(index % 2) },
            test: TestIndex(index / 2),
            name: format!("test {index}"),
            verdict: Some(TestVerdict::Flaky),
            is_quarantined: index % 2 == 1,
            tries: vec![TryRow {
                attempt: 1,
                token: Token { epoch: Epoch(1), counter: 4 },
                outcome: TryOutcome::Failed,
                duration_us: 12,
                message: "no".to_owned(),
                output: None,
                agent: AgentName("a".to_owned()),
                at: Wall { unix_ms: 8 },
            }],
            waits_for: String::new(),
        };
        let mut tests: Vec<_> = (0..tests).map(test).collect();
        tests.sort_by_key(|test| (test.job, test.test));
        Report {
            run: RunRow {
                run,
                request_id: "r".to_owned(),
                spec: RunSpec {
                    project: "p".to_owned(),
                    name: "n".to_owned(),
                    env: BTreeMap::new(),
                    ..RunSpec::default()
                },
                submitted: Wall { unix_ms: 1 },
                started: None,
                is_cancel_requested: false,
                end: end.clone(),
            },
            summary: RunSummary {
                run,
                project: "p".to_owned(),
                name: "n".to_owned(),
                submitted: Wall { unix_ms: 1 },
                started: None,
                is_cancel_requested: false,
                end,
                tests: TestCounts::default(),
                jobs: Vec::new(),
            },
            tests,
        }
    }

    #[test]
    fn a_report_reads_back_and_a_cut_one_is_refused() {
        let report = report(50);
        let blob = encode(&report).expect("there is memory");
        assert_eq!(decode(&blob).expect("it is whole"), report);
        assert!(decode(&blob[..blob.len() / 2]).is_err());
    }

    #[test]
    fn pages_of_tests_follow_each_other_without_gap_or_overlap() {
        let report = report(11);
        let mut seen = Vec::new();
        let mut from = Some((0, 0));
        while let Some(start) = from {
            let (tests, next) = tests_from(&report, start, 3);
            seen.extend_from_slice(tests);
            from = next;
        }
        assert_eq!(seen, report.tests);
    }
}
