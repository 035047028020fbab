//! Colours and signs of what people read. Whether they are shown is decided where the text is written.

use std::fmt::Display;

use clap::builder::styling::{AnsiColor, Style};
use muster_proto::v1;

/// `text` in `style`.
pub(super) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Good.
pub(super) const GREEN: Style = AnsiColor::Green.on_default().bold();
/// Bad.
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
/// Doubtful.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// What something is called.
pub(super) const BOLD: Style = Style::new().bold();
/// What is there for completeness.
pub(super) const DIM: Style = Style::new().dimmed();

/// The word for an outcome.
pub(crate) fn outcome_word(outcome: v1::Outcome) -> &'static str {
    match outcome {
        v1::Outcome::Unspecified => "unknown",
        v1::Outcome::Passed => "passed",
        v1::Outcome::Skipped => "skipped",
        v1::Outcome::Failed => "failed",
        v1::Outcome::TimedOut => "timed out",
        v1::Outcome::Cancelled => "cancelled",
        v1::Outcome::Errored => "errored",
    }
}

/// The word for an outcome in its colour.
pub(super) fn painted_outcome(outcome: v1::Outcome) -> String {
    let style = match outcome {
        v1::Outcome::Passed => GREEN,
        v1::Outcome::Skipped | v1::Outcome::Cancelled => YELLOW,
        v1::Outcome::Unspecified | v1::Outcome::Failed | v1::Outcome::TimedOut | v1::Outcome::Errored => RED,
    };
    paint(style, outcome_word(outcome))
}
