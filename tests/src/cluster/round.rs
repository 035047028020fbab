//! What came of one fault, and of many.

use std::fmt;

/// What came of a fault once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Round {
    /// Promises that were broken, in words.
    pub violations: Vec<Violation>,
    /// Tries that had ended, of which nobody had heard, and which were run again: allowed.
    pub unheard: u32,
    /// Tries that a cut-off agent, or a copy that was just being withdrawn, began after their result was known: allowed.
    pub late_copies: u32,
    /// How long it took until the work went on, in seconds.
    pub recovery_s: Option<f64>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub kind: Kind,
    /// What was seen.
    pub what: String,
}

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A test has no verdict, a byte of a log is missing, a run did not end.
    Lost,
    /// What had a durable result was run again.
    Repeated,
    /// A test has more than one verdict.
    Double,
    /// Work that is not safe to repeat was held twice, or outlived its lease.
    Overlap,
    /// A verdict is not what it must be.
    Wrong,
}

/// The sums of many rounds of one fault.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    /// Rounds.
    pub rounds: u32,
    /// All that was broken in them.
    pub violations: Vec<Violation>,
    /// See [`Round::unheard`].
    pub unheard: u32,
    /// See [`Round::late_copies`].
    pub late_copies: u32,
    /// The longest.
    pub recovery_s: Option<f64>,
}

impl Round {
    /// Notes a broken promise.
    pub fn violate(&mut self, kind: Kind, what: impl Into<String>) {
        self.violations.push(Violation { kind, what: what.into() });
    }

    /// Takes in what came of another run within the same fault.
    pub fn join(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.unheard += other.unheard;
        self.late_copies += other.late_copies;
        self.recovery_s = longest(self.recovery_s, other.recovery_s);
    }
}

impl Sums {
    /// Takes in a round.
    pub fn add(&mut self, round: Round) {
        self.rounds += 1;
        self.violations.extend(round.violations);
        self.unheard += round.unheard;
        self.late_copies += round.late_copies;
        self.recovery_s = longest(self.recovery_s, round.recovery_s);
    }

    /// How often one promise was broken.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.violations.iter().filter(|violation| violation.kind == kind).count()
    }

    /// A line of the table, whose head is [`TABLE_HEAD`].
    #[must_use]
    pub fn line(&self, fault: &str) -> String {
        let recovery = self.recovery_s.map_or("-".to_owned(), |seconds| format!("{seconds:.2} s"));
        format!(
            "| {fault} | {} | {} | {} | {} | {} | {} | {} | {} | {recovery} |",
            self.rounds,
            self.count(Kind::Lost),
            self.count(Kind::Repeated),
            self.count(Kind::Double),
            self.count(Kind::Overlap),
            self.count(Kind::Wrong),
            self.unheard,
            self.late_copies,
        )
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

fn longest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).max_by(f64::total_cmp)
}

/// The head of the table of faults.
pub const TABLE_HEAD: &str = "\
| fault | rounds | lost | repeated | double verdicts | overlaps | wrong | unheard ends run again | late copies | longest recovery |
|---|---|---|---|---|---|---|---|---|---|";
