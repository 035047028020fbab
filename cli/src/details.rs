//! What a report needs beyond the verdicts: outputs of tests that did not pass, ends of logs of jobs that did not.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use muster_proto::v1;

use crate::client::Client;
use crate::output::reporter::{Details, LogTail};
use crate::output::text;
use crate::report::Report;

/// Fetches them. What cannot be had is left out: the verdicts do not hang on it.
pub(crate) async fn details(client: &Client, report: &Report) -> Details {
    Details { outputs: outputs(client, report).await, log_tails: log_tails(client, report).await }
}

async fn outputs(client: &Client, report: &Report) -> BTreeMap<(u32, u32, u32), Bytes> {
    let is_bad = |outcome| matches!(outcome, v1::TryOutcome::Failed | v1::TryOutcome::Errored);
    let wanted = report.tests.iter().flat_map(|test| {
        let bad = test.tries.iter().filter(move |a_try| is_bad(a_try.outcome()));
        bad.filter_map(|a_try| Some(((test.job, test.test, a_try.attempt), a_try.output.clone()?)))
    });
    stream::iter(wanted.take(OUTPUTS_MAX).collect::<Vec<_>>())
        .map(|(key, digest)| async move { Some((key, client.output(&digest).await?)) })
        .buffer_unordered(FETCHES_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

async fn log_tails(client: &Client, report: &Report) -> BTreeMap<u32, LogTail> {
    let mut tails = BTreeMap::new();
    let is_told = |job: &&v1::Job| {
        matches!(job.outcome(), v1::Outcome::Failed | v1::Outcome::Errored | v1::Outcome::TimedOut)
            && job.started_unix_ms.is_some()
            && job.tests.is_none_or(|tests| tests.failed == 0)
    };
    for job in report.jobs().filter(is_told).take(LOGS_MAX) {
        if let Some(tail) = log_tail(client, report.run.run, job.job).await {
            tails.insert(job.job, tail);
        }
    }
    tails
}

async fn log_tail(client: &Client, run: u64, job: u32) -> Option<LogTail> {
    let request = v1::ReadLogRequest { run, job: Some(job), follow: false };
    let mut chunks = client.log(request).await.ok()?;
    let mut end = End::default();
    while let Ok(Some(chunk)) = chunks.message().await {
        end.push(&chunk.data);
    }
    Some(end.finish())
}

/// The last lines of what comes in pieces.
#[derive(Default)]
struct End {
    lines: VecDeque<Vec<u8>>,
    open: Vec<u8>,
    lines_before: u64,
}

impl End {
    fn push(&mut self, data: &[u8]) {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES_MAX.saturating_sub(self.open.len());
            self.open.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.close_line();
            }
        }
    }

    fn close_line(&mut self) {
        self.lines.push_back(std::mem::take(&mut self.open));
        if self.lines.len() > TAIL_LINES {
            self.lines.pop_front();
            self.lines_before += 1;
        }
    }

    fn finish(mut self) -> LogTail {
        if !self.open.is_empty() {
            self.close_line();
        }
        let lines = self.lines.iter().flat_map(|line| text::lines(line)).collect();
        LogTail { lines, lines_before: self.lines_before }
    }
}

/// Outputs that are fetched for one report.
const OUTPUTS_MAX: usize = 2_000;
const FETCHES_AT_ONCE: usize = 16;
/// Logs whose ends are fetched for one report.
const LOGS_MAX: usize = 20;
/// Lines of a log's end.
const TAIL_LINES: usize = 40;
const LINE_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_cut_at_lines_however_its_pieces_come() {
        let log: String = (1..=100).map(|line| format!("line {line}\n")).collect::<String>() + "open";
        let mut end = End::default();
        for piece in log.as_bytes().chunks(7) {
            end.push(piece);
        }
        let tail = end.finish();
        assert_eq!((tail.lines.len(), tail.lines_before), (TAIL_LINES, 61));
        assert_eq!((tail.lines[0].as_str(), tail.lines[39].as_str()), ("line 62", "open"));
    }
}
