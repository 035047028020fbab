//! Messages that matter, from the moment they are said until the coordinator has acknowledged them.
//!
//! They are numbered without a gap and sent in the order of their numbers. On one stream no more is under way than the
//! window allows; after a reconnect everything that is not acknowledged is sent again, from the beginning.

use std::collections::VecDeque;

use muster_common::control::FromAgent;

use crate::{Config, parts};

/// Messages without an acknowledgement.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    kept: VecDeque<Kept>,
    next_sequence: u64,
    bytes: usize,
    /// How many of `kept`, from the front, are sent on the stream that stands.
    sent: usize,
    sent_bytes: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    sequence: u64,
    bytes: usize,
    message: FromAgent,
}

impl Spool {
    /// With what an earlier life left.
    pub(crate) fn new(messages: Vec<(u64, FromAgent)>) -> Self {
        let kept: VecDeque<Kept> = messages
            .into_iter()
            .map(|(sequence, message)| Kept { sequence, bytes: weight(&message), message })
            .collect();
        let next_sequence = kept.back().map_or(1, |last| last.sequence + 1);
        let bytes = kept.iter().map(|kept| kept.bytes).sum();
        Self { kept, next_sequence, bytes, sent: 0, sent_bytes: 0 }
    }

    /// Keeps a message; returns its number.
    pub(crate) fn append(&mut self, message: FromAgent) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let bytes = weight(&message);
        self.bytes += bytes;
        self.kept.push_back(Kept { sequence, bytes, message });
        sequence
    }

    /// The next message that may be sent on this stream; it counts as sent.
    pub(crate) fn send_next(&mut self, config: &Config) -> Option<(u64, FromAgent)> {
        let next = self.kept.get(self.sent)?;
        let has_room = self.sent < config.window_messages && self.sent_bytes + next.bytes <= config.window_bytes;
        if !has_room && self.sent > 0 {
            return None;
        }
        self.sent += 1;
        self.sent_bytes += next.bytes;
        Some((next.sequence, next.message.clone()))
    }

    /// Forgets what is acknowledged, and returns it; an error if some of it was never sent on this stream.
    pub(crate) fn acknowledge(&mut self, up_to: u64) -> Result<Vec<FromAgent>, NeverSent> {
        let count = self.kept.iter().take_while(|kept| kept.sequence <= up_to).count();
        if count > self.sent || up_to >= self.next_sequence {
            return Err(NeverSent);
        }
        self.sent -= count;
        let done: Vec<Kept> = self.kept.drain(..count).collect();
        let done_bytes: usize = done.iter().map(|kept| kept.bytes).sum();
        self.sent_bytes -= done_bytes;
        self.bytes -= done_bytes;
        Ok(done.into_iter().map(|kept| kept.message).collect())
    }

    /// The stream is gone: everything is to be sent again on the next.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
        self.sent_bytes = 0;
    }

    /// Forgets everything; returns the last number, or none if there was nothing.
    pub(crate) fn clear(&mut self) -> Option<u64> {
        let last = self.kept.back()?.sequence;
        self.kept.clear();
        self.bytes = 0;
        self.rewind();
        Some(last)
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A number was acknowledged that was not sent on this stream.
#[derive(Debug)]
pub(crate) struct NeverSent;

/// About how many bytes a message takes.
pub(crate) fn weight(message: &FromAgent) -> usize {
    let content = match message {
        FromAgent::Discovered(discovered) => discovered.tests.iter().map(|name| name.len() + ITEM_BYTES).sum(),
        FromAgent::TestResults(results) => results.results.iter().map(parts::result_bytes).sum(),
        FromAgent::TestStarted(started) => started.tests.len() * ITEM_BYTES,
        FromAgent::Withdrawn(withdrawn) => (withdrawn.given_up.len() + withdrawn.started.len()) * ITEM_BYTES,
        FromAgent::Finished(finished) => {
            let outputs: usize =
                finished.outputs.iter().map(|(name, value)| name.len() + value.len() + ITEM_BYTES).sum();
            let artifacts: usize = finished.artifacts.iter().map(|made| made.name.len() + 2 * ITEM_BYTES).sum();
            outputs + artifacts
        }
        FromAgent::Refused { reason, .. } => reason.message.len(),
        FromAgent::Open(_)
        | FromAgent::Heartbeat(_)
        | FromAgent::Accepted(_)
        | FromAgent::Started(_)
        | FromAgent::WantBatch(_)
        | FromAgent::Draining => 0,
    };
    content + MESSAGE_BYTES
}

/// What a message takes beside its lists.
const MESSAGE_BYTES: usize = 64;
/// What one thing in a list takes beside its texts.
pub(crate) const ITEM_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use muster_common::control::{
        ArtifactMade, Discovered, Finished, Output, TestResult, TestResults, TestStarted, Withdrawn,
    };
    use muster_common::digest::Digest;
    use muster_common::error_code::{Reason, ReasonCode};
    use muster_common::id::{Epoch, TestIndex, Token};
    use muster_common::outcome::{AttemptOutcome, TryOutcome};

    use super::*;

    const TOKEN: Token = Token { epoch: Epoch(1), counter: 1 };

    /// A message of 100 bytes beside its frame.
    fn refusal() -> FromAgent {
        FromAgent::Refused { token: TOKEN, reason: Reason::new(ReasonCode::OutcomeUnknown, "x".repeat(100)) }
    }

    fn window(window_bytes: usize) -> Config {
        Config { window_bytes, ..Config::default() }
    }

    #[test]
    fn a_window_is_filled_to_its_last_byte() {
        let mut spool = Spool::new(Vec::new());
        for _ in 0..3 {
            spool.append(refusal());
        }
        let config = window(2 * weight(&refusal()));
        let mut sent = || spool.send_next(&config).map(|(sequence, _)| sequence);
        assert_eq!([sent(), sent(), sent()], [Some(1), Some(2), None]);
    }

    #[test]
    fn a_message_longer_than_the_window_is_sent_alone() {
        let mut spool = Spool::new(Vec::new());
        for _ in 0..2 {
            spool.append(refusal());
        }
        assert!(spool.send_next(&window(1)).is_some());
        assert!(spool.send_next(&window(1)).is_none(), "another is under way");
        spool.acknowledge(1).expect("it was sent");
        assert!(spool.send_next(&window(1)).is_some());
    }

    #[test]
    fn what_is_acknowledged_makes_room_in_the_window() {
        let mut spool = Spool::new(Vec::new());
        for _ in 0..4 {
            spool.append(refusal());
        }
        let config = window(2 * weight(&refusal()));
        let sent = |spool: &mut Spool| spool.send_next(&config).map(|(sequence, _)| sequence);
        assert_eq!([sent(&mut spool), sent(&mut spool), sent(&mut spool)], [Some(1), Some(2), None]);
        spool.acknowledge(1).expect("it was sent");
        assert_eq!([sent(&mut spool), sent(&mut spool)], [Some(3), None]);
    }

    #[test]
    fn bytes_are_those_of_what_is_kept() {
        let mut spool = Spool::new(vec![(7, refusal())]);
        assert_eq!(spool.append(refusal()), 8);
        assert_eq!(spool.bytes(), 2 * weight(&refusal()));
        spool.send_next(&window(1_000));
        spool.acknowledge(7).expect("it was sent");
        assert_eq!((spool.bytes(), spool.len()), (weight(&refusal()), 1));
        assert_eq!(spool.clear(), Some(8));
        assert_eq!((spool.bytes(), spool.is_empty()), (0, true));
    }

    #[test]
    fn a_message_weighs_its_texts_and_its_lists() {
        let result = TestResult {
            test: TestIndex(0),
            outcome: TryOutcome::Failed,
            duration_us: 1,
            message: "why".to_owned(),
            output: Output::Inline(vec![0; 5]),
        };
        let stored = TestResult { output: Output::Stored(Digest { hash: [0; 32], size_bytes: 0 }), ..result.clone() };
        let silent = TestResult { output: Output::None, ..result.clone() };
        let finished = Finished {
            token: TOKEN,
            outcome: AttemptOutcome::Passed,
            log_bytes: 1_000_000,
            is_log_complete: true,
            artifacts: vec![ArtifactMade { name: "dist".to_owned(), root: Digest { hash: [0; 32], size_bytes: 0 } }],
            outputs: BTreeMap::from([("key".to_owned(), "value".to_owned())]),
            seal: None,
        };
        let tests = vec![TestIndex(0), TestIndex(1)];
        let names = vec!["ab".to_owned(), "cde".to_owned()];
        let weights = [
            (FromAgent::Discovered(Discovered { token: TOKEN, first: TestIndex(0), tests: names }), 5 + 2 * ITEM_BYTES),
            (
                FromAgent::TestResults(TestResults { batch: TOKEN, results: vec![result, stored, silent] }),
                3 * 3 + 5 + 4 * ITEM_BYTES,
            ),
            (FromAgent::TestStarted(TestStarted { batch: TOKEN, tests: tests.clone() }), 2 * ITEM_BYTES),
            (
                FromAgent::Withdrawn(Withdrawn { batch: TOKEN, given_up: tests, started: vec![TestIndex(7)] }),
                3 * ITEM_BYTES,
            ),
            (FromAgent::Finished(finished), 4 + 2 * ITEM_BYTES + 3 + 5 + ITEM_BYTES),
            (refusal(), 100),
            (FromAgent::Draining, 0),
        ];
        for (message, content) in weights {
            assert_eq!(weight(&message), content + MESSAGE_BYTES, "{message:?}");
        }
    }
}
