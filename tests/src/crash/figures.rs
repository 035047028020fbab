//! What came out of an experiment, in one line.

use std::fmt;

use super::check::Fault;

/// Sums of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Moments at which the power or the process was cut off.
    pub cuts: u64,
    /// Those of them in the middle of a recovery.
    pub in_recovery: u64,
    /// Commits that had been acknowledged, each once.
    pub commits: u64,
    /// Cuts after which something acknowledged was not there.
    pub lost: u64,
    /// Cuts after which the rows were those of no commit.
    pub half: u64,
    /// Cuts after which the store did not open or did not take writes.
    pub refused: u64,
    /// What was found at the first cuts that broke a promise.
    pub found: Vec<String>,
}

impl Figures {
    /// Counts one cut.
    pub fn count(&mut self, result: Result<(), Fault>, place: impl FnOnce() -> String) {
        self.cuts += 1;
        let Err(fault) = result else { return };
        match &fault {
            Fault::Lost(_) => self.lost += 1,
            Fault::Half(_) => self.half += 1,
            Fault::Refused(_) => self.refused += 1,
        }
        if self.found.len() < FOUND_MAX {
            self.found.push(format!("{}: {fault}", place()));
        }
    }

    /// No promise was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lost + self.half + self.refused == 0
    }

    /// Adds those of another part of the experiment.
    pub fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.in_recovery += other.in_recovery;
        self.commits += other.commits;
        self.lost += other.lost;
        self.half += other.half;
        self.refused += other.refused;
        self.found.extend(other.found);
        self.found.truncate(FOUND_MAX);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, in_recovery, commits, lost, half, refused, found: _ } = self;
        write!(f, "{cuts} cuts ({in_recovery} in a recovery), {commits} commits acknowledged, ")?;
        write!(f, "{lost} lost, {half} half, {refused} refused")
    }
}

const FOUND_MAX: usize = 20;
