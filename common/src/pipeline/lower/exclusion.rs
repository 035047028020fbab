//! Tests that stay together, and tests that exclude each other.

use crate::limits::{TEST_GROUPS_PER_JOB_MAX, TEST_PATTERN_BYTES_MAX, TEST_PATTERNS_PER_JOB_MAX};
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::file::TestOptions;
use crate::pipeline::place::At;
use crate::pipeline::scope::FIXED;
use crate::pipeline::suggestion::nearest;
use crate::pipeline::texts::Texts;
use crate::spec::{Runner, TestGroup, TestScope, TestSpec};

impl Texts<'_> {
    /// What is dealt as a whole, as far as the names of the runner tell it.
    pub(super) fn scope(&mut self, options: &TestOptions, runner: &Runner) -> TestScope {
        let Some(word) = &options.scope else { return TestScope::Test };
        let text = self.text(word, &FIXED);
        let Some(scope) = TestScope::named(&text) else {
            let message = format!("unknown scope {}", shown(&text));
            let diagnostic = Diagnostic::new(DiagnosticCode::BadValue, word.span, message)
                .label(format!("expected one of: {}", TestScope::NAMES.join(", ")))
                .did_you_mean(likely_scope(&text));
            self.found.push(diagnostic);
            return TestScope::Test;
        };
        let told = runner.scopes();
        if scope.is_test() || told.contains(&scope) {
            return scope;
        }
        let message = format!("the names of {} do not tell the {} of a test", runner.name(), scope.name());
        let help = match told.first() {
            Some(other) => format!("`scope: {}` can be had with this runner", other.name()),
            None => "with this runner every test is dealt by itself".to_owned(),
        };
        self.found.push(Diagnostic::new(DiagnosticCode::Unsupported, word.span, message).help(help));
        TestScope::Test
    }

    /// Refuses what a runner cannot keep: a unit is one batch, and of that it may run several tests at one time.
    pub(super) fn check_exclusion(&mut self, options: &TestOptions, spec: &TestSpec) {
        let is_kept = spec.scope.is_test() || spec.groups.is_empty() || spec.runner.runs_in_turn();
        let Some(scope) = options.scope.as_ref().filter(|_| !is_kept) else { return };
        let message = format!("{} may run the tests of one batch at one time", spec.runner.name());
        self.found.push(
            Diagnostic::new(DiagnosticCode::Unsupported, scope.span, message)
                .label("cannot be had together with `groups`")
                .help("leave out one of them"),
        );
    }

    /// The groups of tests that exclude each other.
    pub(super) fn groups(&mut self, options: &TestOptions) -> Vec<TestGroup> {
        let mut groups: Vec<TestGroup> = Vec::new();
        let mut patterns_left = TEST_PATTERNS_PER_JOB_MAX;
        for group in &options.groups {
            let name = self.text(&group.name, &FIXED);
            if groups.len() >= TEST_GROUPS_PER_JOB_MAX {
                self.refuse_group(&group.name, format!("more than {TEST_GROUPS_PER_JOB_MAX} groups of tests"));
                break;
            }
            if groups.iter().any(|other| other.name == name) {
                self.refuse_group(&group.name, format!("there are two groups of tests named {}", shown(&name)));
            }
            let mut patterns = Vec::new();
            for pattern in &group.r#match {
                patterns.extend(self.pattern(pattern));
                let Some(left) = patterns_left.checked_sub(1) else {
                    self.refuse_group(pattern, format!("more than {TEST_PATTERNS_PER_JOB_MAX} patterns of groups"));
                    return groups;
                };
                patterns_left = left;
            }
            groups.push(TestGroup { name, patterns, limit: group.limit.as_ref().map_or(1, |limit| limit.value) });
        }
        groups
    }

    fn pattern(&mut self, pattern: &At<String>) -> Option<String> {
        let text = self.text(pattern, &FIXED);
        if text.is_empty() {
            self.refuse_group(pattern, "a pattern that fits no test".to_owned());
            return None;
        }
        if text.len() > TEST_PATTERN_BYTES_MAX {
            self.refuse_group(pattern, format!("a pattern of more than {TEST_PATTERN_BYTES_MAX} bytes"));
            return None;
        }
        Some(text)
    }

    fn refuse_group(&mut self, place: &At<String>, message: String) {
        self.found.push(Diagnostic::new(DiagnosticCode::BadValue, place.span, message));
    }
}

/// Names that people use for a scope, too.
fn likely_scope(word: &str) -> Option<&'static str> {
    match word {
        "loadfile" | "module" | "package" | "binary" => Some("file"),
        "loadscope" | "suite" | "describe" => Some("class"),
        "function" | "method" | "case" | "none" => Some("test"),
        _ => nearest(word, TestScope::NAMES),
    }
}
