//! What must hold of a run after any fault, judged by what its processes wrote down and what its client was told.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{Entry, Ledger, Word};
use super::moment::Moment;
use super::round::{Kind, Round};
use super::watch::Watched;
use super::workload::Workload;

/// What a run is judged by.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    /// Agents that were cut off, and when they could hear again: until then they may begin what others have ended.
    pub cut_off: BTreeMap<String, Moment>,
    /// Agents of which a log may end early, because they were killed or their leases ran out.
    pub cut_logs: BTreeSet<String>,
}

/// Judges the run of a suite: its verdicts, what was repeated, its logs.
#[must_use]
pub fn judge_suite(suite: &Workload, ledger: &Ledger, watched: &Watched, logs: &str, allowance: &Allowance) -> Round {
    let mut round = Round::default();
    judge_verdicts(suite, watched, &mut round);
    judge_repeats(ledger, watched, allowance, &mut round);
    judge_logs(ledger, logs, allowance, &mut round);
    round
}

/// How a deploy must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployEnd {
    /// As it did.
    Passed,
    /// Nobody knows: its lease has run out.
    Unknown,
}

/// Judges the run of a deploy: nobody else ever held it, and it does not outlive what was said of it.
#[must_use]
pub fn judge_deploy(ledger: &Ledger, watched: &Watched, end: DeployEnd) -> Round {
    let mut round = Round::default();
    let code = match end {
        DeployEnd::Passed => 0,
        DeployEnd::Unknown => EXIT_ERRORED,
    };
    if watched.ended.status.code() != Some(code) {
        round.violate(Kind::Wrong, format!("the deploy must end with {code}: {}", watched.ended));
    }
    let begins: Vec<&Entry> = ledger.of(Word::Begin).collect();
    let (Some(first), Some(finished)) = (begins.first(), watched.finished()) else {
        round.violate(Kind::Lost, format!("the deploy did not begin, or has no verdict: {}", watched.ended));
        return round;
    };
    for other in &begins[1..] {
        round.violate(Kind::Overlap, format!("the deploy began twice: {first:?}, {other:?}"));
    }
    let latest = ledger.entries.iter().rfind(|entry| entry.at > Moment(finished.0 + RESOLUTION_S));
    if let Some(latest) = latest {
        round.violate(Kind::Overlap, format!("the deploy lives although it was over at {finished:?}: {latest:?}"));
    }
    round
}

fn judge_verdicts(suite: &Workload, watched: &Watched, round: &mut Round) {
    let mut given: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, test, _, verdict) in watched.results() {
        let Some(verdict) = verdict else { continue };
        *given.entry(test).or_default() += 1;
        let expected = format!("{:?}", Workload::verdict(test)).to_lowercase();
        if verdict != expected {
            round.violate(Kind::Wrong, format!("{test} was told to be {verdict}, not {expected}"));
        }
    }
    for number in 1..=suite.tests {
        let test = format!("test-{number}");
        match given.get(test.as_str()) {
            None => round.violate(Kind::Lost, format!("{test} has no verdict")),
            Some(1) => {}
            Some(count) => round.violate(Kind::Double, format!("{test} got {count} verdicts")),
        }
        let reported = watched.verdicts.get(&test).cloned().unwrap_or_default();
        if reported != [(Workload::verdict(&test), 1)].into() {
            round.violate(Kind::Wrong, format!("the report says of {test}: {reported:?}"));
        }
    }
    if watched.verdicts.len() != suite.tests as usize {
        round.violate(Kind::Wrong, format!("{} tests are in the report", watched.verdicts.len()));
    }
    if watched.ended.status.code() != Some(EXIT_TESTS_FAILED) {
        round.violate(Kind::Wrong, format!("the run ended otherwise than it must: {}", watched.ended));
    }
}

fn judge_repeats(ledger: &Ledger, watched: &Watched, allowance: &Allowance, round: &mut Round) {
    let mut known: BTreeMap<(&str, u64), Moment> = BTreeMap::new();
    for (at, test, attempt, _) in watched.results() {
        known.entry((test, attempt)).or_insert(at);
    }
    for begin in ledger.of(Word::Begin) {
        let Some(known) = known.get(&(begin.name.as_str(), u64::from(begin.number))) else { continue };
        if begin.at <= *known {
            let is_again = ledger.of(Word::End).any(|end| is_same_try(end, begin) && end.at < begin.at);
            round.unheard += u32::from(is_again);
            continue;
        }
        let is_withdrawn = begin.at.since(*known) < WITHDRAWAL_S;
        let is_cut_off = allowance.cut_off.get(&begin.agent).is_some_and(|until| begin.at < *until);
        if is_withdrawn || is_cut_off {
            round.late_copies += 1;
        } else {
            round.violate(Kind::Repeated, format!("its result was known at {known:?}: {begin:?}"));
        }
    }
}

fn is_same_try(one: &Entry, other: &Entry) -> bool {
    one.name == other.name && one.number == other.number
}

/// Judges logs alone: of every process that has written all of its log, every line is there, once, in order, byte for
/// byte.
pub fn judge_logs(ledger: &Ledger, logs: &str, allowance: &Allowance, round: &mut Round) {
    let mut found: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for line in logs.lines().filter(|line| line.starts_with("log ")) {
        let mut words = line.split(' ').skip(1);
        let of = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        found.entry(of).or_default().push(line);
    }
    for logged in ledger.of(Word::Logged) {
        let process = logged.process.to_string();
        let lines = found.get(&(logged.token.as_str(), process.as_str())).map_or(&[][..], Vec::as_slice);
        let expected = |number: u32| Workload::log_line(&logged.token, logged.process, number);
        let whole = (1..).zip(lines).take_while(|(number, line)| **line == expected(*number)).count();
        let is_cut = allowance.cut_logs.contains(&logged.agent);
        let is_right = match lines.get(whole..) {
            Some([]) | None => is_cut || whole == logged.number as usize,
            // The byte at which it ends may be in the middle of a line.
            Some([last]) => is_cut && expected(u32::try_from(whole).unwrap_or(u32::MAX) + 1).starts_with(last),
            Some(_) => false,
        };
        if !is_right {
            let (has, of) = (lines.len(), logged.number);
            round.violate(
                Kind::Lost,
                format!("a log has {has} lines of {of}, the first {whole} as written: {logged:?}"),
            );
        }
    }
}

const EXIT_TESTS_FAILED: i32 = 100;
const EXIT_ERRORED: i32 = 75;
/// A copy of a test may begin while the word that it is not wanted any more is on its way.
const WITHDRAWAL_S: f64 = 1.0;
/// Of the clock of the ledger, and of the event that is compared with it.
const RESOLUTION_S: f64 = 0.1;

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use serde_json::json;

    use super::*;
    use crate::process::Ended;

    fn ledger(lines: &[&str]) -> Ledger {
        let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        std::fs::write(file.path(), lines.iter().map(|line| format!("{line}\n")).collect::<String>())
            .expect("the same");
        Ledger::read(file.path())
    }

    fn watched(code: i32, events: Vec<(f64, serde_json::Value)>) -> Watched {
        let ended = Ended { status: ExitStatus::from_raw(code << 8), stdout: String::new(), stderr: String::new() };
        let events = events.into_iter().map(|(at, event)| (Moment(at), event)).collect();
        Watched { events, verdicts: BTreeMap::new(), ended }
    }

    fn kinds(round: &Round) -> Vec<Kind> {
        round.violations.iter().map(|violation| violation.kind).collect()
    }

    #[test]
    fn a_deploy_that_begins_twice_or_outlives_its_end_is_seen() {
        let over = || watched(EXIT_ERRORED, vec![(20.0, json!({"event": "run_finished"}))]);
        let begun = "begin deploy 1 1.1 a 7 10.00";
        let judged = |lines: &[&str]| kinds(&judge_deploy(&ledger(lines), &over(), DeployEnd::Unknown));
        assert_eq!(judged(&[begun, "pulse deploy 1 1.1 a 7 19.90"]), []);
        assert_eq!(judged(&[begun, "pulse deploy 1 1.1 a 7 20.20"]), [Kind::Overlap]);
        assert_eq!(judged(&[begun, "begin deploy 1 1.2 b 9 15.00"]), [Kind::Overlap]);
        assert_eq!(judged(&[]), [Kind::Lost]);
        let passed = kinds(&judge_deploy(&ledger(&[begun]), &over(), DeployEnd::Passed));
        assert_eq!(passed, [Kind::Wrong]);
    }

    #[test]
    fn what_runs_again_after_its_result_was_known_is_seen_and_excused_only_by_a_cut() {
        let known = watched(0, vec![(20.0, json!({"event": "test_finished", "test": "t", "attempt": 1}))]);
        let lines = ["begin t 1 1.1 a 7 19.00", "end t 1 1.1 a 7 19.50", "begin t 1 1.2 b 9 23.00"];
        let judged = |allowance: &Allowance| {
            let mut round = Round::default();
            judge_repeats(&ledger(&lines), &known, allowance, &mut round);
            round
        };
        assert_eq!(kinds(&judged(&Allowance::default())), [Kind::Repeated]);
        let cut_off = |until| Allowance { cut_off: [("b".to_owned(), Moment(until))].into(), ..Allowance::default() };
        assert_eq!(judged(&cut_off(24.0)), Round { late_copies: 1, ..Round::default() });
        assert_eq!(kinds(&judged(&cut_off(22.0))), [Kind::Repeated]);
    }

    #[test]
    fn a_log_that_is_short_twice_written_or_out_of_order_is_seen() {
        let wrote = ledger(&["logged log 2 1.1 a 7 19.00"]);
        let line = |number| Workload::log_line("1.1", 7, number);
        let judged = |lines: &[u32]| {
            let mut round = Round::default();
            let logs: Vec<String> = lines.iter().map(|number| line(*number)).collect();
            judge_logs(&wrote, &logs.join("\n"), &Allowance::default(), &mut round);
            kinds(&round)
        };
        assert_eq!(judged(&[1, 2]), []);
        for wrong in [&[1][..], &[2], &[2, 1], &[1, 1, 2], &[1, 2, 2], &[]] {
            assert_eq!(judged(wrong), [Kind::Lost], "{wrong:?}");
        }
    }
}
