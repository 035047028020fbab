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
