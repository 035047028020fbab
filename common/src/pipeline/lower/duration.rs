//! Times and flags, which may be the result of an expression.

use std::time::Duration;

use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::place::At;
use crate::pipeline::scope::FIXED;
use crate::pipeline::texts::Texts;

impl Texts<'_> {
    /// A number of minutes above 0, in milliseconds.
    pub(super) fn minutes_ms(&mut self, text: &At<String>, what: &str, most: Duration) -> Option<u64> {
        let errors = self.found.len();
        let written = self.text(text, &FIXED);
        if self.found.len() > errors {
            return None;
        }
        let minutes = written.trim().parse::<f64>().ok().filter(|minutes| minutes.is_finite() && *minutes > 0.0);
        let span = minutes.and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok());
        let Some(span) = span.filter(|span| *span <= most && !span.is_zero()) else {
            let message = format!("`{what}` must be a number of minutes above 0, at most {}", most.as_secs() / 60);
            let diagnostic = Diagnostic::new(DiagnosticCode::BadValue, text.span, message);
            self.found.push(diagnostic.label(format!("found {}", shown(&written))));
            return None;
        };
        Some(u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1))
    }

    /// `true` or `false`; false, where nothing is said.
    pub(super) fn flag(&mut self, text: Option<&At<String>>, what: &str) -> bool {
        let Some(text) = text else { return false };
        let errors = self.found.len();
        let written = self.text(text, &FIXED);
        match written.as_str() {
            "true" => true,
            "false" => false,
            _ if self.found.len() > errors => false,
            _ => {
                let message = format!("`{what}` must be `true` or `false`");
                let diagnostic = Diagnostic::new(DiagnosticCode::WrongType, text.span, message);
                self.found.push(diagnostic.label(format!("found {}", shown(&written))));
                false
            }
        }
    }
}
