//! TAP, the Test Anything Protocol: versions 12, 13 and 14, with subtests.
//!
//! `ok 1 - adds # SKIP why`, `not ok 2 # TODO why`, a plan `1..2` at either end, YAML blocks, `Bail out!`. Subtests stand
//! indented by four before the point that sums them up; each belongs to that point. A test without a description is
//! named by its number. A report without a plan, or with another number of points than planned, is not a whole one.

use std::time::Duration;

use muster_common::limits::TESTS_PER_JOB_MAX;

use super::budget::NameBudget;
use super::case::{Case, CaseKey, CaseOutcome};
use super::error::ReportError;
use super::numbered;

/// Reads a report.
///
/// # Errors
/// If it is not a whole report; never panics, whatever the bytes are.
pub fn read(bytes: &[u8]) -> Result<Vec<Case>, ReportError> {
    let mut reader = Reader::default();
    let mut last = 1;
    for (number, line) in numbered::lines(bytes) {
        last = number;
        reader.line(&line).map_err(|what| ReportError::at_line(number, what))?;
    }
    reader.end().map_err(|what| ReportError::at_line(last, what))
}

/// A report in the making.
#[derive(Default)]
struct Reader {
    cases: Vec<Case>,
    /// One for each level of indentation that is open, the outermost first.
    levels: Vec<Level>,
    /// Indentation of the YAML block that is open.
    yaml: Option<usize>,
    /// The point to which a YAML block belongs.
    last: Option<usize>,
    budget: NameBudget,
}

#[derive(Default)]
struct Level {
    plan: Option<usize>,
    points: usize,
    /// Cases of deeper levels that wait for the point which sums them up.
    children: Vec<usize>,
    /// Its own cases.
    own: Vec<usize>,
}

/// `ok 3 - name # SKIP why`.
struct Point<'a> {
    is_ok: bool,
    number: Option<&'a str>,
    name: String,
    directive: Option<(Directive, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Skip,
    Todo,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        if let Some(at) = self.yaml {
            if indent == at && content.trim_end() == "..." {
                self.yaml = None;
            } else {
                self.diagnostic(content);
            }
            return Ok(());
        }
        if content.trim_end() == "---" && self.last.is_some() && !indent.is_multiple_of(INDENT) {
            self.yaml = Some(indent);
            return Ok(());
        }
        if indent == 0 && content.starts_with("Bail out!") {
            return Err(format!("the run was given up: {}", content.trim()));
        }
        let level = indent / INDENT;
        if !indent.is_multiple_of(INDENT) || level > DEPTH_MAX {
            return Ok(());
        }
        if let Some(count) = plan(content) {
            return self.plan(level, count);
        }
        match point(content) {
            Some(point) => self.point(level, point),
            None => Ok(()),
        }
    }

    fn plan(&mut self, level: usize, count: usize) -> Result<(), String> {
        self.open(level);
        // The plan of the next block of subtests on the same level.
        match self.levels[level].plan.replace(count) {
            Some(_) if level == 0 => Err("a second plan".to_owned()),
            Some(_) | None => Ok(()),
        }
    }

    fn open(&mut self, level: usize) {
        while self.levels.len() <= level {
            self.levels.push(Level::default());
        }
    }

    fn point(&mut self, level: usize, point: Point<'_>) -> Result<(), String> {
        if self.cases.len() == TESTS_PER_JOB_MAX {
            return Err(format!("more than {TESTS_PER_JOB_MAX} test points"));
        }
        self.open(level);
        self.close_below(level)?;
        let Level { points, children, .. } = &mut self.levels[level];
        *points += 1;
        let children = std::mem::take(children);
        let name = match point.name.is_empty() {
            true => point.number.map_or_else(|| points.to_string(), str::to_owned),
            false => point.name,
        };
        let (outcome, message) = match (point.directive, point.is_ok) {
            (Some((Directive::Skip, why)), _) => (CaseOutcome::Skipped, why),
            (Some((Directive::Todo, why)), false) => (CaseOutcome::Skipped, format!("TODO {why}").trim().to_owned()),
            (Some((Directive::Todo, _)) | None, true) => (CaseOutcome::Passed, String::new()),
            (None, false) => (CaseOutcome::Failed, String::new()),
        };
        let index = self.cases.len();
        for child in &children {
            self.budget.take(name.len())?;
            self.cases[*child].parents.push(CaseKey { class: String::new(), name: name.clone() });
        }
        self.cases.push(Case { name, outcome, message, is_group: !children.is_empty(), ..Case::default() });
        self.last = Some(index);
        let own = &mut self.levels[level].own;
        own.extend(children);
        own.push(index);
        Ok(())
    }

    /// The subtests below `level` have ended: the next point of `level` sums them up.
    fn close_below(&mut self, level: usize) -> Result<(), String> {
        while self.levels.len() > level + 1 {
            let Some(Level { plan, points, children, mut own }) = self.levels.pop() else { break };
            if plan.is_some_and(|plan| plan != points) {
                return Err(format!("the plan is {} subtests, and there are {points}", plan.unwrap_or_default()));
            }
            own.extend(children);
            if let Some(above) = self.levels.last_mut() {
                above.children.append(&mut own);
            }
        }
        Ok(())
    }

    fn diagnostic(&mut self, line: &str) {
        let Some(case) = self.last.and_then(|last| self.cases.get_mut(last)) else { return };
        case.write(line);
        case.write("\n");
        let Some((key, value)) = line.split_once(':') else { return };
        let value = value.trim().trim_matches(['\'', '"']);
        match key.trim() {
            "duration_ms" | "duration" if case.duration.is_none() => {
                let milliseconds = value.parse::<f64>().ok();
                case.duration = milliseconds.and_then(|time| Duration::try_from_secs_f64(time / 1_000.0).ok());
            }
            "message" | "error" if case.message.is_empty() && !value.is_empty() && !value.starts_with(['|', '>']) => {
                value.clone_into(&mut case.message);
            }
            _ => {}
        }
    }

    fn end(mut self) -> Result<Vec<Case>, String> {
        if self.yaml.is_some() {
            return Err("the file is cut off: it ends inside a YAML block".to_owned());
        }
        self.open(0);
        self.close_below(0)?;
        let Some(level) = self.levels.pop() else { return Ok(Vec::new()) };
        match level.plan {
            None => Err("the file has no plan such as `1..3`: it is cut off, or it is not TAP".to_owned()),
            Some(_) if !level.children.is_empty() => {
                Err("the file is cut off: its last subtests have no point that sums them up".to_owned())
            }
            Some(plan) if plan != level.points => {
                Err(format!("the plan is {plan} tests, and there are {}", level.points))
            }
            Some(_) => self.named(),
        }
    }

    /// The cases, each with its ancestors in order and their names as its class.
    fn named(mut self) -> Result<Vec<Case>, String> {
        let mut budget = self.budget;
        for case in &mut self.cases {
            case.parents.reverse();
            let mut class = String::new();
            for parent in &mut case.parents {
                budget.take(2 * class.len() + parent.name.len())?;
                parent.class.clone_from(&class);
                class = if class.is_empty() { parent.name.clone() } else { format!("{class} > {}", parent.name) };
            }
            case.class = class;
        }
        Ok(self.cases)
    }
}

/// The number in `1..N`.
fn plan(text: &str) -> Option<usize> {
    let count = text.trim().strip_prefix("1..")?;
    count.split(['#', ' ']).next()?.trim().parse().ok()
}

fn point(text: &str) -> Option<Point<'_>> {
    let (is_ok, rest) = match text.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return None;
    }
    let rest = rest.trim();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = digits > 0 && rest[digits..].chars().next().is_none_or(|next| next == ' ' || next == '\t');
    let (number, rest) = if is_number { (Some(&rest[..digits]), rest[digits..].trim()) } else { (None, rest) };
    let rest = rest.strip_prefix("- ").unwrap_or(if rest == "-" { "" } else { rest });
    let (name, directive) = directive(rest);
    Some(Point { is_ok, number, name: unescape(name.trim()), directive })
}

/// A description and its directive: what follows the first `#` that is not escaped, if it is one.
fn directive(text: &str) -> (&str, Option<(Directive, String)>) {
    let mut is_escaped = false;
    for (place, character) in text.char_indices() {
        if character == '#' && !is_escaped {
            let said = text[place + 1..].trim();
            let word = said.split(|character: char| !character.is_ascii_alphabetic()).next().unwrap_or("");
            let found = match word.to_ascii_lowercase().as_str() {
                "skip" | "skipped" => Some(Directive::Skip),
                "todo" => Some(Directive::Todo),
                _ => None,
            };
            let why = said[word.len()..].trim_start_matches([':', ' ', '-']).to_owned();
            if let Some(found) = found {
                return (&text[..place], Some((found, why)));
            }
            // Perl's harness writes the time here, as `# 12ms`, node `# time=…`.
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    (text, None)
}

fn unescape(text: &str) -> String {
    text.replace("\\#", "#").replace("\\\\", "\\")
}

/// Spaces by which subtests are indented.
const INDENT: usize = 4;
/// Subtests within each other that are read; what is deeper is output.
const DEPTH_MAX: usize = 32;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<(String, String, CaseOutcome)> {
        let cases = read(text.as_bytes()).expect("a whole report");
        cases.into_iter().map(|case| (case.class, case.name, case.outcome)).collect()
    }

    fn said(class: &str, name: &str, outcome: CaseOutcome) -> (String, String, CaseOutcome) {
        (class.to_owned(), name.to_owned(), outcome)
    }

    #[test]
    fn points_directives_and_blocks_are_read() {
        assert_eq!(
            shown(SAMPLE),
            [
                said("", "adds", CaseOutcome::Passed),
                said("", "fails # not a directive", CaseOutcome::Failed),
                said("", "later", CaseOutcome::Skipped),
                said("", "some day", CaseOutcome::Skipped),
                said("", "5", CaseOutcome::Passed),
            ]
        );
        let cases = read(SAMPLE.as_bytes()).expect("a whole report");
        assert_eq!((cases[1].message.as_str(), cases[1].duration), ("no", Some(Duration::from_micros(12_500))));
        assert_eq!(cases[2].message, "no network");
    }

    #[test]
    fn subtests_belong_to_the_point_that_sums_them_up() {
        assert_eq!(
            shown(NODE),
            [
                said("outer > inner", "deep", CaseOutcome::Failed),
                said("outer", "inner", CaseOutcome::Failed),
                said("outer", "second", CaseOutcome::Passed),
                said("", "outer", CaseOutcome::Failed),
                said("", "alone", CaseOutcome::Passed),
            ]
        );
        let cases = read(NODE.as_bytes()).expect("a whole report");
        let key = |class: &str, name: &str| CaseKey { class: class.to_owned(), name: name.to_owned() };
        assert_eq!(cases[0].parents, [key("", "outer"), key("outer", "inner")]);
        assert_eq!(cases.iter().map(|case| case.is_group).collect::<Vec<_>>(), [false, true, false, true, false]);
    }

    #[test]
    fn what_is_cut_or_given_up_is_refused() {
        for bad in [
            "",
            "ok 1 - a\n",
            "1..2\nok 1\n",
            "1..1\nok 1\nok 2\n",
            "1..1\n1..1\nok 1\n",
            "1..1\nok 1 - a\n  ---\n  x: y\n",
            "1..1\n    ok 1 - sub\n",
            "1..2\nok 1\nBail out! no database\n",
            "1..1\n    1..2\n    ok 1 - sub\nok 1 - outer\n",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(read(b"1..0 # SKIP nothing here\n").expect("an empty report"), []);
    }

    pub(in crate::report) const SAMPLE: &str = "TAP version 14
1..5
ok 1 - adds
# a comment
not ok 2 - fails \\# not a directive
  ---
  message: 'no'
  duration_ms: 12.5
  ...
ok 3 - later # SKIP no network
not ok 4 some day # TODO
other output
ok 5
";
    const NODE: &str = "TAP version 13
# Subtest: outer
    # Subtest: inner
        # Subtest: deep
        not ok 1 - deep
          ---
          error: 'no'
          ...
        1..1
    not ok 1 - inner
    # Subtest: second
    ok 2 - second
    1..2
not ok 1 - outer
# Subtest: alone
ok 2 - alone
1..2
# tests 4
";
}
