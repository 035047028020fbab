//! What the processes of the work itself wrote down: one line for every beginning, end and pulse, appended at once.

use std::fs;
use std::path::Path;

use super::moment::Moment;

/// A ledger, in the order in which it was written.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Its lines.
    pub entries: Vec<Entry>,
}

/// A line: `WORD NAME TRY TOKEN AGENT PROCESS UPTIME`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What happened.
    pub word: Word,
    /// The test's name, or the deploy's.
    pub name: String,
    /// Which try of the test, from 1; of a log, its number of lines.
    pub number: u32,
    /// The fencing token under which it ran.
    pub token: String,
    /// The agent.
    pub agent: String,
    /// The id of the process that wrote it.
    pub process: u32,
    /// When, to the hundredth of a second.
    pub at: Moment,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It began.
    Begin,
    /// It ended.
    End,
    /// It is alive.
    Pulse,
    /// The process has written its whole log.
    Logged,
}

impl Ledger {
    /// Reads a ledger as it stands. A last line that is not whole yet is left out.
    ///
    /// # Panics
    /// If it holds what no work of ours writes.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("the ledger is there");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let entries = whole.lines().map(|line| parse(line).unwrap_or_else(|| panic!("no work wrote this: {line}")));
        Self { entries: entries.collect() }
    }

    /// Entries of one kind.
    pub fn of(&self, word: Word) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.word == word)
    }

    /// How many different names have begun.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.of(Word::Begin).map(|entry| &entry.name).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Whether this beginning has come to an end.
    #[must_use]
    pub fn has_ended(&self, begin: &Entry) -> bool {
        self.of(Word::End).any(|end| end.name == begin.name && end.process == begin.process && end.agent == begin.agent)
    }
}

fn parse(line: &str) -> Option<Entry> {
    let words: Vec<&str> = line.split(' ').collect();
    let [word, name, number, token, agent, process, at] = words[..] else { return None };
    let word = match word {
        "begin" => Word::Begin,
        "end" => Word::End,
        "pulse" => Word::Pulse,
        "logged" => Word::Logged,
        _ => return None,
    };
    Some(Entry {
        word,
        name: name.to_owned(),
        number: number.parse().ok()?,
        token: token.to_owned(),
        agent: agent.to_owned(),
        process: process.parse().ok()?,
        at: Moment(at.parse().ok()?),
    })
}
