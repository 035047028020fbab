//! Rules: functions over borrowed values that change nothing. Their goals, in order, are in `README.md` beside this file.

pub(crate) mod dealing;
pub(crate) mod diagnosis;
pub(crate) mod fairness;
pub(crate) mod flakiness;
pub(crate) mod hedging;
pub(crate) mod pacing;
pub(crate) mod placement;
pub(crate) mod remembering;
pub(crate) mod retry;
pub(crate) mod shift;
pub(crate) mod stress;
pub(crate) mod verdict;
