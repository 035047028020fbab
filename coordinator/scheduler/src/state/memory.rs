//! What earlier runs have shown of tests, by project, test job and test. Bounded: what was not seen for longest goes first.

mod quarantining;
mod reading;
mod test;

pub(crate) use quarantining::Known;
use test::RememberedTest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_common::id::{AgentName, JobId, RunId, TestIndex};
use muster_common::limits::{PROJECTS_REMEMBERED_MAX, TESTS_REMEMBERED_PER_PROJECT_MAX};
use muster_common::time::Wall;

use super::expected::Expected;
use super::health::Health;
use super::suite::Suite;
use crate::policy::remembering::Sight;
use crate::{JudgedRun, Key, MemorySuiteRow, MemoryTestRow, RunKind};

/// All that is remembered, and what is still to be learned from jobs that have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    suites: BTreeMap<u32, RememberedSuite>,
    projects: BTreeMap<Arc<str>, BTreeMap<String, u32>>,
    next_suite: u32,
    /// Suites of forgotten projects, whose rows are still to be removed.
    doomed: BTreeSet<u32>,
    /// Test jobs that have ended and are not wholly learned from.
    pub(crate) lessons: BTreeMap<JobId, Lesson>,
    /// What is remembered of agents.
    pub(crate) health: Health,
}

/// The tests of one test job of a project.
#[derive(Clone, Debug)]
pub(crate) struct RememberedSuite {
    row: MemorySuiteRow,
    tests: Vec<Option<RememberedTest>>,
    /// Place of each test, by a hash of its name.
    places: BTreeMap<u64, u32>,
    free: BTreeSet<u32>,
}

/// A test job that has ended, to be learned from bit by bit.
#[derive(Clone, Debug)]
pub(crate) struct Lesson {
    pub(crate) project: Arc<str>,
    pub(crate) job_name: String,
    /// First four bytes of the workspace's digest.
    pub(crate) content: u32,
    /// What the run says.
    pub(crate) kind: RunKind,
    pub(crate) next: TestIndex,
    /// Its tests, once its run's rows have gone.
    pub(crate) suite: Option<Box<Suite>>,
}

impl Memory {
    /// What is remembered of a test job.
    pub(crate) fn find(&self, project: &str, job_name: &str) -> Option<&RememberedSuite> {
        self.suites.get(self.projects.get(project)?.get(job_name)?)
    }

    /// The number of a test job, which is remembered from now on. Where there are too many projects, the one that was
    /// not seen for longest is forgotten.
    pub(crate) fn suite(&mut self, project: &Arc<str>, job_name: &str, at: Wall) -> u32 {
        if let Some(suite) = self.projects.get(project).and_then(|suites| suites.get(job_name)) {
            return *suite;
        }
        let suite = self.next_suite;
        let row = MemorySuiteRow {
            suite,
            project: project.to_string(),
            job: job_name.to_owned(),
            last_seen: at,
            runs: Vec::new(),
        };
        self.restore_suite(row);
        self.forget_projects(PROJECTS_REMEMBERED_MAX);
        suite
    }

    /// A test job has been seen.
    pub(crate) fn see_suite(&mut self, suite: u32, at: Wall) {
        if let Some(found) = self.suites.get_mut(&suite) {
            found.row.last_seen = at;
        }
    }

    /// What an earlier lesson made of a run, if it was learned from.
    pub(crate) fn judged(&self, suite: u32, run: RunId) -> Option<RunKind> {
        let runs = &self.suites.get(&suite)?.row.runs;
        runs.iter().find(|judged| judged.run == run_number(run)).map(|judged| judged.kind)
    }

    /// A run of a test job has been judged.
    pub(crate) fn judge_run(&mut self, suite: u32, run: RunId, kind: RunKind) {
        if let Some(found) = self.suites.get_mut(&suite) {
            let runs = &mut found.row.runs;
            runs.push(JudgedRun { run: run_number(run), kind });
            runs.drain(..runs.len().saturating_sub(RUNS_REMEMBERED_MAX));
        }
    }

    /// Takes what a run has shown of a test. Returns its place if its row has changed.
    pub(crate) fn learn(&mut self, suite: u32, name: &str, run: RunId, sight: &Sight, at: Wall) -> Option<u32> {
        self.suites.get_mut(&suite)?.learn(name, run, sight, at)
    }

    /// Forgets tests of a project beyond its limit; returns their keys, at most `most`.
    pub(crate) fn forget_excess(&mut self, project: &str, most: usize) -> Vec<Key> {
        let Some(suites) = self.projects.get(project) else { return Vec::new() };
        let count: usize =
            suites.values().filter_map(|suite| self.suites.get(suite)).map(|suite| suite.places.len()).sum();
        let excess = count.saturating_sub(TESTS_REMEMBERED_PER_PROJECT_MAX).min(most);
        if excess == 0 {
            return Vec::new();
        }
        let known = suites.values().filter_map(|suite| self.suites.get(suite));
        let mut oldest: Vec<(u32, u32, u32)> = known.flat_map(RememberedSuite::ages).collect();
        oldest.select_nth_unstable(excess - 1);
        oldest.truncate(excess);
        for (_, suite, place) in &oldest {
            if let Some(suite) = self.suites.get_mut(suite) {
                suite.forget(*place);
            }
        }
        oldest.into_iter().map(|(_, suite, place)| Key::MemoryTest(suite, place)).collect()
    }

    /// Removes rows of forgotten projects; returns their keys, at most `most`.
    pub(crate) fn bury(&mut self, most: usize) -> Vec<Key> {
        let mut keys = Vec::new();
        while let Some(suite) = self.doomed.first().copied() {
            let Some(found) = self.suites.get_mut(&suite) else { break };
            while let Some((_, place)) = found.places.first_key_value() {
                if keys.len() >= most {
                    return keys;
                }
                let place = *place;
                found.forget(place);
                keys.push(Key::MemoryTest(suite, place));
            }
            self.suites.remove(&suite);
            self.doomed.remove(&suite);
            keys.push(Key::MemorySuite(suite));
        }
        keys
    }

    /// Whether there is something to learn or to remove.
    pub(crate) fn has_work(&self) -> bool {
        !self.lessons.is_empty() || !self.doomed.is_empty()
    }

    fn forget_projects(&mut self, most: usize) {
        while self.projects.len() > most {
            let last_seen = |suites: &BTreeMap<String, u32>| {
                suites.values().filter_map(|suite| self.suites.get(suite)).map(|suite| suite.row.last_seen).max()
            };
            let oldest = self.projects.iter().min_by_key(|(_, suites)| last_seen(suites)).map(|(name, _)| name.clone());
            let Some(suites) = oldest.and_then(|name| self.projects.remove(&name)) else { return };
            self.doomed.extend(suites.into_values());
        }
    }

    pub(crate) fn restore_suite(&mut self, row: MemorySuiteRow) {
        let suite = row.suite;
        self.next_suite = self.next_suite.max(suite.saturating_add(1));
        let project: Arc<str> = Arc::from(row.project.as_str());
        let older = self.projects.entry(project).or_default().insert(row.job.clone(), suite);
        self.doomed.extend(older);
        let found = RememberedSuite { row, tests: Vec::new(), places: BTreeMap::new(), free: BTreeSet::new() };
        self.suites.insert(suite, found);
    }

    /// Returns whether its suite is there and its place is free.
    pub(crate) fn restore_test(&mut self, row: MemoryTestRow) -> bool {
        self.suites.get_mut(&row.suite).is_some_and(|suite| suite.restore(row))
    }

    /// All rows are there.
    pub(crate) fn restored(&mut self) {
        for suite in self.suites.values_mut() {
            suite.free = (0..).zip(&suite.tests).filter(|(_, test)| test.is_none()).map(|(place, _)| place).collect();
        }
        self.forget_projects(PROJECTS_REMEMBERED_MAX);
    }

    pub(crate) fn suite_row(&self, suite: u32) -> Option<MemorySuiteRow> {
        self.suites.get(&suite).map(|found| found.row.clone())
    }

    pub(crate) fn test_row(&self, suite: u32, place: u32) -> Option<MemoryTestRow> {
        self.suites.get(&suite)?.row_of(place)
    }

    /// Keys of all rows.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        let agents = self.health.keys();
        let suites = self.suites.keys().map(|suite| Key::MemorySuite(*suite));
        let tests = self
            .suites
            .iter()
            .flat_map(|(suite, found)| found.places.values().map(|place| Key::MemoryTest(*suite, *place)));
        suites.chain(tests).chain(agents)
    }
}

impl RememberedSuite {
    /// How many tests are remembered.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// What is expected of a test.
    pub(crate) fn expected(&self, name: &str) -> Expected {
        self.test(name).map_or_else(Expected::default, |test| Expected { mean_us: test.mean_us, high_us: test.high_us })
    }

    fn test(&self, name: &str) -> Option<&RememberedTest> {
        let place = self.places.get(&hash(name))?;
        self.tests.get(*place as usize)?.as_ref().filter(|test| *test.name == *name)
    }

    fn learn(&mut self, name: &str, run: RunId, sight: &Sight, at: Wall) -> Option<u32> {
        let seen_s = seconds(at);
        let hash = hash(name);
        let Some(place) = self.places.get(&hash).copied() else {
            let place = self.free.pop_first().unwrap_or(u32::try_from(self.tests.len()).ok()?);
            if place as usize == self.tests.len() {
                self.tests.push(None);
            }
            self.places.insert(hash, place);
            let mut test = RememberedTest::new(name, seen_s);
            test.take(run, sight, seen_s);
            self.tests[place as usize] = Some(test);
            return Some(place);
        };
        // Another test whose name has the same hash is not remembered; that is rarer than a lost disk.
        let test = self.tests.get_mut(place as usize)?.as_mut().filter(|test| *test.name == *name)?;
        if test.last_run == run_number(run) && test.passes_unwritten == 0 {
            return None;
        }
        test.seen_s = test.seen_s.max(seen_s);
        test.take(run, sight, seen_s).then_some(place)
    }

    fn forget(&mut self, place: u32) {
        if let Some(test) = self.tests.get_mut(place as usize).and_then(Option::take) {
            self.places.remove(&hash(&test.name));
            self.free.insert(place);
        }
    }

    fn ages(&self) -> impl Iterator<Item = (u32, u32, u32)> {
        let suite = self.row.suite;
        (0..).zip(&self.tests).filter_map(move |(place, test)| test.as_ref().map(|test| (test.seen_s, suite, place)))
    }

    fn restore(&mut self, row: MemoryTestRow) -> bool {
        let place = row.place as usize;
        if place >= PLACES_MAX {
            return false;
        }
        if self.tests.len() <= place {
            self.tests.resize(place + 1, None);
        }
        if self.tests[place].is_some() || self.places.insert(hash(&row.name), row.place).is_some() {
            return false;
        }
        self.tests[place] = Some(RememberedTest::from_row(row));
        true
    }

    fn row_of(&self, place: u32) -> Option<MemoryTestRow> {
        let test = self.tests.get(place as usize)?.as_ref()?;
        Some(test.row(self.row.suite, place))
    }
}

/// A number for an agent that is short and the same in every life.
pub(crate) fn agent_number(agent: &AgentName) -> u32 {
    let hash = hash(&agent.0);
    (hash ^ (hash >> 32)) as u32
}

/// FNV-1a: fast, and the same in every process. Names that were made to collide cost their project its own memory, no more.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A short number for a test's name.
pub(crate) fn name_number(name: &str) -> u32 {
    let hash = hash(name);
    (hash ^ (hash >> 32)) as u32
}

/// A run's number as it is remembered.
pub(crate) fn run_number(run: RunId) -> u32 {
    u32::try_from(run.0).unwrap_or(u32::MAX)
}

fn seconds(at: Wall) -> u32 {
    u32::try_from(at.unix_ms / 1_000).unwrap_or(u32::MAX)
}

fn seconds_to_wall(seconds: u32) -> Wall {
    Wall { unix_ms: u64::from(seconds) * 1_000 }
}

/// Runs of a test job of which it is remembered what they said.
const RUNS_REMEMBERED_MAX: usize = 64;
/// Places of one suite: those of tests, and some that are free for a while.
const PLACES_MAX: usize = TESTS_REMEMBERED_PER_PROJECT_MAX + 1_048_576;
const _: () = assert!(PLACES_MAX < u32::MAX as usize, "a place is a u32");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecentOutcome;
    use crate::policy::remembering;

    fn passed(duration_us: u64) -> Sight {
        Sight {
            duration_us: Some(duration_us),
            outcome: Some(remembering::Outcome::Passed),
            agent: 1,
            content: 2,
            tries: 1,
        }
    }

    fn at(seconds: u64) -> Wall {
        Wall { unix_ms: seconds * 1_000 }
    }

    #[test]
    fn a_test_that_passes_as_ever_is_written_once_in_a_while_and_loses_no_pass() {
        let mut memory = Memory::default();
        let suite = memory.suite(&Arc::from("p"), "unit", at(5));
        let written: Vec<u64> = (1..=40)
            .filter(|run| memory.learn(suite, "t", RunId(*run), &passed(1_000_000), at(*run)).is_some())
            .collect();
        assert_eq!(written, [1, 17, 33]);
        let row = memory.test_row(suite, 0).expect("it was learned");
        assert_eq!((row.passed, row.last_run, row.mean_us, row.recent.len()), (33, RunId(33), 1_000_000, 0));
    }

    #[test]
    fn a_run_that_is_learned_from_twice_counts_once() {
        let mut memory = Memory::default();
        let suite = memory.suite(&Arc::from("p"), "unit", at(5));
        let failed = Sight { outcome: Some(remembering::Outcome::Failed), ..passed(1_000) };
        assert_eq!(memory.learn(suite, "t", RunId(7), &failed, at(1)), Some(0));
        assert_eq!(memory.learn(suite, "t", RunId(7), &failed, at(1)), None);
        assert_eq!(memory.test_row(suite, 0).map(|row| (row.failed, row.recent.len())), Some((1, 1)));
    }

    #[test]
    fn rows_make_the_same_memory_again() {
        let mut memory = Memory::default();
        let suite = memory.suite(&Arc::from("p"), "unit", at(5));
        for test in 0..4_u64 {
            memory.learn(suite, &format!("t{test}"), RunId(1), &passed(1_000 * test), at(9));
        }
        memory.suites.get_mut(&suite).expect("it is there").forget(2);
        let mut again = Memory::default();
        again.restore_suite(memory.suite_row(suite).expect("it is there"));
        for place in [0, 1, 3] {
            assert!(again.restore_test(memory.test_row(suite, place).expect("it is there")));
        }
        again.restored();
        assert!(again.keys().eq(memory.keys()));
        assert_eq!([&memory, &again].map(|memory| memory.find("p", "unit").map(RememberedSuite::len)), [Some(3); 2]);
        assert_eq!(again.learn(suite, "new", RunId(2), &passed(5), at(10)), Some(2), "the free place is taken first");
        assert_eq!(again.find("p", "unit").map(|suite| suite.expected("t3").mean_us), Some(3_000));
    }

    #[test]
    fn the_project_that_was_not_seen_for_longest_goes_bit_by_bit() {
        let mut memory = Memory::default();
        for project in 0..=PROJECTS_REMEMBERED_MAX as u64 {
            let suite = memory.suite(&Arc::from(format!("p{project}")), "unit", at(100 + project));
            memory.learn(suite, "a", RunId(1), &passed(5), at(1));
            memory.learn(suite, "b", RunId(1), &passed(5), at(1));
        }
        assert!(memory.find("p0", "unit").is_none() && memory.find("p1", "unit").is_some());
        assert_eq!(memory.bury(1).len(), 1);
        assert_eq!(memory.bury(10), [Key::MemoryTest(0, 1), Key::MemorySuite(0)]);
        assert!(!memory.has_work());
    }

    #[test]
    fn the_tests_of_a_project_that_were_not_seen_for_longest_are_forgotten() {
        let mut memory = Memory::default();
        let suite = memory.suite(&Arc::from("p"), "unit", at(5));
        let other = memory.suite(&Arc::from("p"), "other", at(5));
        for test in 0..TESTS_REMEMBERED_PER_PROJECT_MAX {
            memory.learn(suite, &test.to_string(), RunId(1), &passed(5), at(100 + test as u64));
        }
        assert_eq!(memory.forget_excess("p", 10), []);
        for test in 0..3 {
            memory.learn(other, &test.to_string(), RunId(1), &passed(5), at(50 + 40 * test));
        }
        let mut gone = memory.forget_excess("p", 2);
        gone.sort();
        assert_eq!(gone, [Key::MemoryTest(other, 0), Key::MemoryTest(other, 1)], "no more than so many at once");
        assert_eq!(memory.forget_excess("p", 2), [Key::MemoryTest(suite, 0)]);
        assert_eq!(memory.forget_excess("p", 2), []);
    }

    #[test]
    fn a_suite_is_as_old_as_its_last_run() {
        let mut memory = Memory::default();
        let suite = memory.suite(&Arc::from("p"), "unit", at(5));
        assert!(!memory.has_work());
        memory.see_suite(suite, at(9));
        assert_eq!(memory.suite_row(suite).map(|row| row.last_seen), Some(at(9)));
        memory.doomed.insert(suite);
        assert!(memory.has_work());
    }

    #[test]
    fn a_short_number_comes_from_the_whole_hash() {
        // FNV-1a of nothing is its offset basis; both halves are in the number.
        assert_eq!(name_number(""), 0xcbf2_9ce4 ^ 0x8422_2325);
        // The published value of "a" is af63dc4c8601ec8c.
        assert_eq!(name_number("a"), 0xaf63_dc4c ^ 0x8601_ec8c);
    }

    #[test]
    fn a_remembered_test_is_small() {
        let entry = size_of::<Option<RememberedTest>>() + size_of::<(u64, u32)>();
        let recent = remembering::RECENT_MAX * size_of::<RecentOutcome>();
        assert!(entry <= 144, "{entry} bytes");
        assert!(recent <= 600, "{recent} bytes of a test that often failed");
    }
}
