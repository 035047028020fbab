//! What a result file says of one test, whatever its format.

use std::time::Duration;

/// One reported test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What it belongs to, such as a class, a suite or a package; or empty.
    pub class: String,
    /// Its file, or empty.
    pub file: String,
    /// How long it took, if the report says so in a way that can be read.
    pub duration: Option<Duration>,
    /// What it said.
    pub outcome: CaseOutcome,
    /// What went wrong or why it was skipped, in short.
    pub message: String,
    /// The texts of its failures, then what it wrote; cut at [`OUTPUT_BYTES_MAX`].
    pub output: String,
    /// The cases around it, the outermost first: a subtest belongs to them, and their outcome covers it.
    pub parents: Vec<CaseKey>,
    /// Whether others belong to it.
    pub is_group: bool,
}

/// What a case is known by within its report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseKey {
    /// Its class.
    pub class: String,
    /// Its name.
    pub name: String,
}

/// What a case said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaseOutcome {
    /// Nothing to the contrary.
    #[default]
    Passed,
    /// It failed.
    Failed,
    /// It could not be run to its end, as the runner sees it.
    Errored,
    /// It was not run.
    Skipped,
    /// It passed only after the runner had repeated it by itself.
    Flaky,
}

impl Case {
    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> CaseKey {
        CaseKey { class: self.class.clone(), name: self.name.clone() }
    }

    /// Adds to its output as much as there is room for.
    pub(super) fn write(&mut self, text: &str) {
        let room = OUTPUT_BYTES_MAX.saturating_sub(self.output.len());
        self.output.push_str(&text[..text.floor_char_boundary(room)]);
    }
}

impl CaseOutcome {
    /// Whether it is neither passed nor skipped.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        match self {
            Self::Failed | Self::Errored | Self::Flaky => true,
            Self::Passed | Self::Skipped => false,
        }
    }
}

/// Bytes of one case's output that are kept.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;
