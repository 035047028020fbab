//! Long lists cut into messages that keep the limits.

use muster_common::control::{Discovered, FromAgent, Output, TestResult, TestResults};
use muster_common::id::TestIndex;
use muster_common::limits::{MESSAGE_BYTES_MAX, TESTS_PER_MESSAGE_MAX};

use crate::spool::ITEM_BYTES;

/// A discovery's part as messages, in order.
pub(crate) fn discovered(part: Discovered) -> Vec<FromAgent> {
    let token = part.token;
    let mut first = part.first.0;
    cut(part.tests, |name| name.len() + ITEM_BYTES)
        .into_iter()
        .map(|tests| {
            let message = Discovered { token, first: TestIndex(first), tests };
            first = first.saturating_add(u32::try_from(message.tests.len()).unwrap_or(u32::MAX));
            FromAgent::Discovered(message)
        })
        .collect()
}

/// Results as messages, in order.
pub(crate) fn results(results: TestResults) -> Vec<FromAgent> {
    let batch = results.batch;
    cut(results.results, result_bytes)
        .into_iter()
        .map(|results| FromAgent::TestResults(TestResults { batch, results }))
        .collect()
}

fn cut<T>(items: Vec<T>, bytes_of: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut part_bytes = 0;
    for item in items {
        let bytes = bytes_of(&item);
        if !part.is_empty() && (part.len() == TESTS_PER_MESSAGE_MAX || part_bytes + bytes > PART_BYTES_MAX) {
            parts.push(std::mem::take(&mut part));
            part_bytes = 0;
        }
        part_bytes += bytes;
        part.push(item);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// About how many bytes a result takes.
pub(crate) fn result_bytes(result: &TestResult) -> usize {
    let output = match &result.output {
        Output::None => 0,
        Output::Inline(bytes) => bytes.len(),
        Output::Stored(_) => ITEM_BYTES,
    };
    result.message.len() + output + ITEM_BYTES
}

/// Bytes of one part's content; the rest of the message's limit is for its frame.
const PART_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;
const _: () = assert!(PART_BYTES_MAX < MESSAGE_BYTES_MAX && PART_BYTES_MAX > MESSAGE_BYTES_MAX / 4);

#[cfg(test)]
mod tests {
    use muster_common::id::{Epoch, Token};
    use muster_common::limits::TEST_OUTPUT_BYTES_MAX;
    use muster_common::outcome::TryOutcome;

    use super::*;

    const TOKEN: Token = Token { epoch: Epoch(1), counter: 1 };

    #[test]
    fn a_long_discovery_is_cut_without_a_gap() {
        let names: Vec<String> = (0..4_500).map(|number| format!("test {number}")).collect();
        let parts = discovered(Discovered { token: TOKEN, first: TestIndex(10), tests: names.clone() });
        let mut next = 10;
        let mut seen = Vec::new();
        for part in parts {
            let FromAgent::Discovered(part) = part else { panic!("{part:?}") };
            assert_eq!(part.first.0, next);
            assert!(part.tests.len() <= TESTS_PER_MESSAGE_MAX);
            next += u32::try_from(part.tests.len()).expect("at most 4,500");
            seen.extend(part.tests);
        }
        assert_eq!(seen, names);
    }

    #[test]
    fn results_with_much_output_are_cut_by_their_bytes() {
        let result = |number| TestResult {
            test: TestIndex(number),
            outcome: TryOutcome::Failed,
            duration_us: 1,
            message: String::new(),
            output: Output::Inline(vec![b'x'; TEST_OUTPUT_BYTES_MAX]),
        };
        let parts = results(TestResults { batch: TOKEN, results: (0..200).map(result).collect() });
        assert!(parts.len() > 1);
        for part in &parts {
            assert!(crate::spool::weight(part) <= MESSAGE_BYTES_MAX);
        }
    }

    #[test]
    fn a_part_is_filled_to_its_last_byte() {
        let name = |bytes: usize| "x".repeat(bytes - ITEM_BYTES);
        let lengths = |names: Vec<String>| -> Vec<usize> {
            let parts = discovered(Discovered { token: TOKEN, first: TestIndex(0), tests: names });
            let length = |part: &FromAgent| match part {
                FromAgent::Discovered(part) => part.tests.len(),
                other => panic!("{other:?}"),
            };
            parts.iter().map(length).collect()
        };
        let half = PART_BYTES_MAX / 2;
        assert_eq!(lengths(vec![name(half), name(half), name(half)]), [2, 1]);
        assert_eq!(lengths(vec![name(half), name(half + 1), name(half)]), [1, 1, 1]);
    }
}
