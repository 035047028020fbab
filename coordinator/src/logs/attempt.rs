//! Which log: its place in the folder of its run.

use std::path::PathBuf;

use muster_common::id::{JobId, JobIndex, RunId, Token};

/// One attempt's log. Ordered by job, then by token, which is the order in which attempts were granted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Attempt {
    pub(crate) job: JobId,
    pub(crate) token: Token,
    pub(crate) stream: StreamName,
}

/// What people call the attempt: `build`, `discover`, `shard-3`, `steps`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamName(String);

impl StreamName {
    /// The name, if it is one: 1 to 64 lower-case letters, digits and hyphens.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain);
        is_name.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Attempt {
    /// Its file beneath the folder of logs.
    pub(super) fn path(&self) -> PathBuf {
        folder(self.job.run).join(format!("{}-{}-{}.log", self.job.job, self.token, self.stream.0))
    }

    /// The attempt whose file has this name, in the folder of `run`.
    pub(super) fn from_file_name(run: RunId, name: &str) -> Option<Self> {
        let (job, rest) = name.strip_suffix(".log")?.split_once('-')?;
        let (token, stream) = rest.split_once('-')?;
        let job = JobId { run, job: JobIndex(job.parse().ok()?) };
        Some(Self { job, token: token.parse().ok()?, stream: StreamName::parse(stream)? })
    }
}

/// The folder of a run, beneath the folder of logs.
pub(super) fn folder(run: RunId) -> PathBuf {
    PathBuf::from(run.to_string())
}

const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use muster_common::id::Epoch;

    use super::*;

    #[test]
    fn an_attempt_reads_back_from_its_file_name() {
        let attempt = Attempt {
            job: JobId { run: RunId(42), job: JobIndex(3) },
            token: Token { epoch: Epoch(7), counter: 1203 },
            stream: StreamName::parse("shard-3").expect("it is plain"),
        };
        let path = attempt.path();
        assert_eq!(path.to_str(), Some("42/3-7.1203-shard-3.log"));
        let name = path.file_name().and_then(|name| name.to_str()).expect("it has a name");
        assert_eq!(Attempt::from_file_name(RunId(42), name), Some(attempt));
    }

    #[test]
    fn names_that_could_leave_the_folder_are_none() {
        for text in ["", "..", "a/b", "A", "a b", "a\0", &"x".repeat(65)] {
            assert_eq!(StreamName::parse(text), None, "{text}");
        }
    }
}
