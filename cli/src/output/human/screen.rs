//! Where the lines go: above the picture on a terminal, or just out.

use std::io::{self, IsTerminal as _, Write as _};

use super::counters::Counters;
use super::live::Live;
use crate::run_view::RunView;

/// Standard output, with the part of it that changes.
pub(super) enum Screen {
    /// A terminal with a picture that moves.
    Terminal(Live),
    /// A file or a pipe, with counter lines.
    Plain(Counters),
}

impl Screen {
    /// As standard output is.
    pub(super) fn new() -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if io::stdout().is_terminal() && !is_dumb { Self::Terminal(Live::new()) } else { Self::Plain(Counters::new()) }
    }

    /// Writes whole lines.
    pub(super) fn print(&self, text: &str) {
        match self {
            Self::Terminal(live) => live.above(|| write_out(text)),
            Self::Plain(_) => write_out(text),
        }
    }

    /// Says what is done before there is a run.
    pub(super) fn preparing(&mut self, text: &str, is_done: bool) {
        match self {
            Self::Terminal(live) if is_done => live.above(|| write_out(&format!("{text}\n"))),
            Self::Terminal(live) => live.preparing(text),
            Self::Plain(counters) => {
                if is_done || counters.is_due() {
                    write_out(&format!("{text}\n"));
                }
            }
        }
    }

    /// Shows how the run stands, as often as this kind of screen does.
    pub(super) fn show(&mut self, view: &RunView, is_new_phase: bool) {
        match self {
            Self::Terminal(live) => live.show(view),
            Self::Plain(counters) => {
                if let Some(line) = counters.line(view, is_new_phase) {
                    write_out(&line);
                }
            }
        }
    }

    /// Takes the picture away.
    pub(super) fn close(&mut self) {
        match self {
            Self::Terminal(live) => live.close(),
            Self::Plain(_) => {}
        }
    }
}

/// A closed pipe is no reason to stop: the run goes on, and its verdict is told by the exit code.
fn write_out(text: &str) {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written {
        tracing::debug!(%error, "standard output takes nothing");
    }
}
