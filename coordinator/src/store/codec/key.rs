//! Keys as bytes whose order is the order of keys.

use muster_common::id::{Epoch, JobId, JobIndex, RunId, TestIndex, Token};
use muster_scheduler::Key;

use super::CodecError;
use crate::store;

/// The key as the store keeps it.
#[must_use]
pub fn encode_key(key: Key) -> store::Key {
    let mut bytes = vec![kind(key)];
    match key {
        Key::Counters => {}
        Key::MemorySuite(number) | Key::AgentHealth(number) => bytes.extend_from_slice(&number.to_be_bytes()),
        Key::MemoryTest(suite, place) => {
            bytes.extend_from_slice(&suite.to_be_bytes());
            bytes.extend_from_slice(&place.to_be_bytes());
        }
        Key::History(run) | Key::Run(run) => put_run(&mut bytes, run),
        Key::Job(job) => put_job(&mut bytes, job),
        Key::TestNames(job, test) | Key::Test(job, test) => {
            put_job(&mut bytes, job);
            bytes.extend_from_slice(&test.0.to_be_bytes());
        }
        Key::Lease(token) | Key::Batch(token) => {
            bytes.extend_from_slice(&token.epoch.0.to_be_bytes());
            bytes.extend_from_slice(&token.counter.to_be_bytes());
        }
    }
    store::Key(bytes)
}

/// The key that these bytes are; none: it is of a kind that this coordinator does not know.
///
/// # Errors
/// If it is of a known kind and has the wrong length.
pub fn decode_key(key: &store::Key) -> Result<Option<Key>, CodecError> {
    let Some((kind, numbers)) = key.0.split_first() else { return Ok(None) };
    let damaged = |expected: usize| CodecError::Key { key: key.0.clone(), expected };
    let numbers = Numbers { bytes: numbers, damaged: &damaged };
    let decoded = match *kind {
        COUNTERS => numbers.end(0).map(|()| Key::Counters),
        HISTORY => numbers.run().map(Key::History),
        MEMORY_SUITE => numbers.end(INDEX_BYTES).map(|()| Key::MemorySuite(numbers.u32_at(0))),
        MEMORY_TEST => {
            let end = numbers.end(2 * INDEX_BYTES);
            end.map(|()| Key::MemoryTest(numbers.u32_at(0), numbers.u32_at(INDEX_BYTES)))
        }
        AGENT_HEALTH => numbers.end(INDEX_BYTES).map(|()| Key::AgentHealth(numbers.u32_at(0))),
        RUN => numbers.run().map(Key::Run),
        JOB => numbers.job().map(Key::Job),
        TEST_NAMES => numbers.test().map(|(job, test)| Key::TestNames(job, test)),
        TEST => numbers.test().map(|(job, test)| Key::Test(job, test)),
        LEASE => numbers.token().map(Key::Lease),
        BATCH => numbers.token().map(Key::Batch),
        _ => return Ok(None),
    };
    decoded.map(Some)
}

struct Numbers<'a> {
    bytes: &'a [u8],
    damaged: &'a dyn Fn(usize) -> CodecError,
}

impl Numbers<'_> {
    fn end(&self, bytes: usize) -> Result<(), CodecError> {
        if self.bytes.len() == bytes { Ok(()) } else { Err((self.damaged)(1 + bytes)) }
    }

    fn run(&self) -> Result<RunId, CodecError> {
        self.end(RUN_BYTES).map(|()| RunId(self.u64_at(0)))
    }

    fn job(&self) -> Result<JobId, CodecError> {
        self.end(RUN_BYTES + INDEX_BYTES).map(|()| self.job_at_start())
    }

    fn test(&self) -> Result<(JobId, TestIndex), CodecError> {
        self.end(RUN_BYTES + 2 * INDEX_BYTES)?;
        Ok((self.job_at_start(), TestIndex(self.u32_at(RUN_BYTES + INDEX_BYTES))))
    }

    fn token(&self) -> Result<Token, CodecError> {
        self.end(TOKEN_BYTES)?;
        Ok(Token { epoch: Epoch(self.u64_at(0)), counter: self.u64_at(TOKEN_BYTES / 2) })
    }

    fn job_at_start(&self) -> JobId {
        JobId { run: RunId(self.u64_at(0)), job: JobIndex(self.u32_at(RUN_BYTES)) }
    }

    fn u64_at(&self, at: usize) -> u64 {
        self.bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn u32_at(&self, at: usize) -> u32 {
        self.bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }
}

const fn kind(key: Key) -> u8 {
    match key {
        Key::Counters => COUNTERS,
        Key::History(_) => HISTORY,
        Key::MemorySuite(_) => MEMORY_SUITE,
        Key::MemoryTest(..) => MEMORY_TEST,
        Key::AgentHealth(_) => AGENT_HEALTH,
        Key::Run(_) => RUN,
        Key::Job(_) => JOB,
        Key::TestNames(..) => TEST_NAMES,
        Key::Test(..) => TEST,
        Key::Lease(_) => LEASE,
        Key::Batch(_) => BATCH,
    }
}

fn put_run(bytes: &mut Vec<u8>, run: RunId) {
    bytes.extend_from_slice(&run.0.to_be_bytes());
}

fn put_job(bytes: &mut Vec<u8>, job: JobId) {
    put_run(bytes, job.run);
    bytes.extend_from_slice(&job.job.0.to_be_bytes());
}

// Stored: never changed. The gaps are for kinds to come, so that they can stand where their order must be.
const COUNTERS: u8 = 0x10;
const HISTORY: u8 = 0x20;
const MEMORY_SUITE: u8 = 0x24;
const MEMORY_TEST: u8 = 0x28;
const AGENT_HEALTH: u8 = 0x2c;
const RUN: u8 = 0x30;
const JOB: u8 = 0x40;
const TEST_NAMES: u8 = 0x50;
const TEST: u8 = 0x60;
const LEASE: u8 = 0x70;
const BATCH: u8 = 0x80;

const RUN_BYTES: usize = 8;
const INDEX_BYTES: usize = 4;
const TOKEN_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![0..4_u64, Just(255), Just(256), Just(u64::MAX), any::<u64>()]
    }

    fn index() -> impl Strategy<Value = u32> {
        prop_oneof![0..4_u32, Just(255), Just(256), Just(u32::MAX), any::<u32>()]
    }

    fn key() -> impl Strategy<Value = Key> {
        (0..11, number(), number(), index(), index()).prop_map(|(kind, run, counter, job, test)| {
            let job = JobId { run: RunId(run), job: JobIndex(job) };
            let token = Token { epoch: Epoch(run), counter };
            match kind {
                0 => Key::Counters,
                1 => Key::History(job.run),
                2 => Key::Run(job.run),
                3 => Key::Job(job),
                4 => Key::TestNames(job, TestIndex(test)),
                5 => Key::Test(job, TestIndex(test)),
                6 => Key::Lease(token),
                7 => Key::MemorySuite(test),
                8 => Key::MemoryTest(job.job.0, test),
                9 => Key::AgentHealth(test),
                _ => Key::Batch(token),
            }
        })
    }

    proptest! {
        #[test]
        fn the_order_of_the_bytes_is_the_order_of_the_keys(left in key(), right in key()) {
            prop_assert_eq!(encode_key(left).cmp(&encode_key(right)), left.cmp(&right));
            prop_assert_eq!(decode_key(&encode_key(left)), Ok(Some(left)));
        }
    }

    #[test]
    fn an_unknown_kind_is_left_alone_and_a_damaged_key_is_named() {
        assert_eq!(decode_key(&store::Key(vec![0xf0, 1, 2])), Ok(None));
        assert_eq!(decode_key(&store::Key(Vec::new())), Ok(None));
        let damaged = vec![RUN, 0, 1];
        assert_eq!(decode_key(&store::Key(damaged.clone())), Err(CodecError::Key { key: damaged, expected: 9 }));
    }
}
