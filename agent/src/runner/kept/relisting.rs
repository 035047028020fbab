//! The listing of many test executables, of which only those that changed are run.

use std::time::Duration;

use super::key::Key;
use crate::runner::context::RunnerContext;
use crate::runner::failure::RunnerFailure;

/// A listing of many test executables.
#[derive(Debug)]
pub(crate) struct Relisting<'a> {
    context: &'a RunnerContext,
    empty: Empty,
    anew: usize,
    kept: usize,
}

/// What is done with the list of an executable that named no tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Empty {
    /// It is kept: it is as good as any other.
    Kept,
    /// It is not: the program may have ended before it came to its list, for a reason of that moment.
    Listed,
}

impl<'a> Relisting<'a> {
    /// Begins one.
    pub(crate) const fn new(context: &'a RunnerContext, empty: Empty) -> Self {
        Self { context, empty, anew: 0, kept: 0 }
    }

    /// The names in the next executable: those that are kept under `key`, else those that `list` gives. Without a key
    /// the executable's list does not follow from what is known of it, and is made anew.
    pub(crate) async fn names(
        &mut self,
        key: Option<Key>,
        list: impl Future<Output = Result<Vec<String>, RunnerFailure>>,
    ) -> Result<Vec<String>, RunnerFailure> {
        if let Some(key) = key
            && let Some(names) = self.context.lists.get(key, Duration::MAX).await
        {
            self.kept += 1;
            return Ok(names);
        }
        let names = list.await?;
        self.anew += 1;
        if let Some(key) = key.filter(|_| self.empty == Empty::Kept || !names.is_empty()) {
            self.context.lists.keep(key, names.clone()).await;
        }
        Ok(names)
    }

    /// Says in the log what was done with all these `executables`.
    pub(crate) async fn note(self, executables: &str) {
        let total = self.anew + self.kept;
        if self.context.lists.are_kept() && total > 0 {
            let text = format!("listed {} of {total} {executables} anew, {} from kept lists", self.anew, self.kept);
            self.context.log.note(&text).await;
        }
    }
}
