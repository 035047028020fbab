//! The real scheduler deals suites to idealised agents in virtual time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use muster_common::control::{FromAgent, TestResults, ToAgent};
use muster_common::digest::Digest;
use muster_common::id::{AgentName, Epoch, JobId, RunId, SessionId, TestIndex, Token};
use muster_common::outcome::AttemptOutcome;
use muster_common::time::Wall;
use muster_scheduler::{
    Answer, Ask, Config, Effect, Event as Seen, Input, MemorySuiteRow, MemoryTestRow, Row, Scheduler, Step,
};

use super::worker::{Doings, Times, Worker};
use super::{Fault, Slot, Suite};
use crate::idealised::{self, SUITE, finished, now, run_of_tests};

/// A suite that is submitted.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// It.
    pub suite: &'a Suite,
    /// When, from the moment at which the first slots are there.
    pub submitted_us: u64,
}

/// What is raced.
#[derive(Clone, Copy, Debug)]
pub struct Race<'a> {
    /// The suites.
    pub jobs: &'a [Job<'a>],
    /// The fleet.
    pub slots: &'a [Slot],
    /// What starting a batch costs.
    pub start_cost_us: u64,
    /// From an agent to the scheduler and back.
    pub round_trip_us: u64,
    /// Whether the tests are listed before the slots come, so that only the dealing is measured.
    pub is_listed_before: bool,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaceResult {
    /// From submission (or, where tests were listed before, from the moment at which slots come) to the end, of each job.
    pub times_us: Vec<u64>,
    /// Time that slots spent on tests whose result did not count, other than those lost with a dead agent.
    pub extra_us: u64,
    /// Time that they spent on tests whose result counted.
    pub useful_us: u64,
    /// Slot time that passed while a test of some run was not dealt.
    pub wanted_us: u64,
    /// How much of that slots spent without a test or the start of a batch.
    pub idle_us: u64,
    /// The earliest moment by which tests that a fault cut short can have been run whole by anybody who does not know of
    /// faults beforehand: the moment at which the fault can be known (of a frozen agent, when its test should have ended)
    /// and the time of the test, the latest of all.
    pub lost_until_us: u64,
    /// Calls of the scheduler.
    pub steps: u64,
}

/// Runs a race to the end of all jobs.
///
/// # Panics
/// If the scheduler refuses a run, or does not come to an end.
#[must_use]
pub fn race(race: &Race<'_>) -> RaceResult {
    let mut course = Course::new(race);
    course.run();
    course.result
}

struct Course<'a> {
    race: &'a Race<'a>,
    scheduler: Scheduler,
    now_us: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    order: u64,
    messages: BTreeMap<u64, Message>,
    posts: Vec<Post>,
    /// Tests of each job whose result counted; tests that were dealt; how many were not.
    won: Vec<Vec<bool>>,
    dealt: Vec<Vec<bool>>,
    undealt: usize,
    /// The job of each lease and batch.
    shards: BTreeMap<Token, usize>,
    idle: u64,
    present: u64,
    open: usize,
    result: RaceResult,
}

/// One agent.
#[derive(Default)]
struct Post {
    worker: Worker,
    is_dead: bool,
    is_present: bool,
    is_idle: bool,
    frozen_until_us: u64,
    frozen_for_us: u64,
    wake: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Submit(usize),
    Join(usize),
    Arrive(usize),
    Deliver(usize),
    Wake(usize, u64),
    Heartbeat(usize),
    Strike(usize),
    Stored(u64),
}

enum Message {
    Up(FromAgent),
    Down(ToAgent),
}

struct Here<'a> {
    race: &'a Race<'a>,
    speed: u64,
}

impl Times for Here<'_> {
    fn start_cost_us(&self) -> u64 {
        self.race.start_cost_us
    }

    fn takes_us(&self, job: JobId, test: TestIndex) -> u64 {
        let suite = self.race.jobs[job.run.0 as usize - 1].suite;
        suite.cases[test.0 as usize].real_us * 100 / self.speed
    }
}

impl<'a> Course<'a> {
    fn new(race: &'a Race<'a>) -> Self {
        let rows = race.jobs.iter().enumerate().flat_map(|(place, job)| remembered(place, job.suite));
        let scheduler = Scheduler::restore(Config::default(), Epoch(2), rows, now(0)).expect("rows that fit together");
        let count = |job: &Job<'_>| job.suite.cases.len();
        let mut course = Self {
            race,
            scheduler,
            now_us: 0,
            events: BinaryHeap::new(),
            order: 0,
            messages: BTreeMap::new(),
            posts: (0..=race.slots.len()).map(|_| Post::default()).collect(),
            won: race.jobs.iter().map(|job| vec![false; count(job)]).collect(),
            dealt: race.jobs.iter().map(|job| vec![false; count(job)]).collect(),
            undealt: 0,
            shards: BTreeMap::new(),
            idle: 0,
            present: 0,
            open: race.jobs.len(),
            result: RaceResult { times_us: vec![0; race.jobs.len()], ..RaceResult::default() },
        };
        course.prepare();
        course
    }

    fn prepare(&mut self) {
        for (place, job) in self.race.jobs.iter().enumerate() {
            let at = if self.race.is_listed_before { 0 } else { START_US + job.submitted_us };
            self.push(at, Event::Submit(place));
        }
        if self.race.is_listed_before {
            self.push(0, Event::Join(self.lister()));
        }
        for (place, slot) in self.race.slots.iter().enumerate() {
            self.push(START_US + slot.joins_us, Event::Join(place));
            if let Some(Fault::Killed { at_us } | Fault::Gone { at_us } | Fault::Frozen { at_us, .. }) = slot.fault {
                self.push(START_US + at_us, Event::Strike(place));
            }
        }
    }

    /// The agent that only lists tests and leaves.
    fn lister(&self) -> usize {
        self.race.slots.len()
    }

    fn push(&mut self, at_us: u64, event: Event) {
        self.order += 1;
        self.events.push(Reverse((at_us, self.order, event)));
    }

    fn run(&mut self) {
        while self.open > 0 {
            let next = self.events.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
            let due = self.scheduler.next_deadline().map_or(u64::MAX, |due| due.micros.max(self.now_us));
            assert!(next.min(due) < END_US, "the runs do not come to an end");
            if due <= next {
                self.pass(due);
                self.step(Input::Deadline);
            } else if let Some(Reverse((at, order, event))) = self.events.pop() {
                self.pass(at);
                self.happen(order, event);
            }
        }
        for post in self.posts.iter().filter(|post| !post.is_dead) {
            self.result.extra_us += post.worker.running_us(self.now_us);
        }
    }

    fn pass(&mut self, at_us: u64) {
        let span = at_us.saturating_sub(self.now_us);
        if self.undealt > 0 {
            self.result.wanted_us += span * self.present;
            self.result.idle_us += span * self.idle;
        }
        self.now_us = self.now_us.max(at_us);
    }

    fn happen(&mut self, order: u64, event: Event) {
        match event {
            Event::Submit(job) => self.submit(job),
            Event::Join(post) => self.join(post),
            Event::Arrive(post) => {
                if let Some(Message::Up(message)) = self.messages.remove(&order)
                    && !self.posts[post].is_dead
                {
                    self.arrive(post, message);
                }
            }
            Event::Deliver(post) => self.deliver(post, order),
            Event::Wake(post, wake) => self.wake(post, wake),
            Event::Heartbeat(post) => {
                if !self.posts[post].is_dead {
                    let beat = self.posts[post].worker.heartbeat();
                    self.say(post, beat);
                    self.push(self.now_us + HEARTBEAT_US, Event::Heartbeat(post));
                }
            }
            Event::Strike(post) => self.strike(post),
            Event::Stored(run) => {
                self.step(Input::ReportStored { run: RunId(run), report: Digest { hash: [0; 32], size_bytes: 0 } });
            }
        }
    }

    fn submit(&mut self, job: usize) {
        let spec = Box::new(run_of_tests(&project(job), "race", TIMEOUT_MS));
        self.step(Input::SubmitRun { ask: Ask(job as u64), spec, request_id: String::new() });
    }

    fn join(&mut self, post: usize) {
        let open = idealised::open(AgentName(format!("agent-{post:05}")));
        self.posts[post].is_present = post != self.lister();
        self.present += u64::from(self.posts[post].is_present);
        self.count_idle(post);
        self.step(Input::OpenSession { session: session(post), open: Box::new(open) });
        self.push(self.now_us + HEARTBEAT_US, Event::Heartbeat(post));
    }

    fn strike(&mut self, post: usize) {
        if let Some((begun, takes)) = self.posts[post].worker.runs_us() {
            // A frozen agent looks like one at work until its test should have ended.
            let known = match self.race.slots[post].fault {
                Some(Fault::Frozen { .. }) => begun + takes,
                Some(Fault::Killed { .. } | Fault::Gone { .. }) | None => self.now_us,
            };
            self.result.lost_until_us = self.result.lost_until_us.max(known - START_US + takes);
        }
        match self.race.slots[post].fault {
            Some(Fault::Killed { .. }) => {
                self.die(post);
                self.step(Input::CloseSession { session: session(post) });
            }
            Some(Fault::Gone { .. }) => self.die(post),
            Some(Fault::Frozen { for_us, .. }) => {
                let found = &mut self.posts[post];
                found.frozen_until_us = self.now_us + for_us;
                found.frozen_for_us = for_us;
                found.worker.delay(for_us);
            }
            None => {}
        }
    }

    fn die(&mut self, post: usize) {
        let found = &mut self.posts[post];
        found.is_dead = true;
        self.present -= u64::from(std::mem::take(&mut found.is_present));
        self.count_idle(post);
    }

    fn arrive(&mut self, post: usize, message: FromAgent) {
        if let FromAgent::TestResults(results) = &message {
            self.score(results);
        }
        self.step(Input::Agent { session: session(post), sequence: 0, message: Box::new(message) });
    }

    /// The first result of a test counts.
    fn score(&mut self, results: &TestResults) {
        let Some(job) = self.shards.get(&results.batch).copied() else { return };
        for result in &results.results {
            let won = &mut self.won[job][result.test.0 as usize];
            if std::mem::replace(won, true) {
                self.result.extra_us += result.duration_us;
            } else {
                self.result.useful_us += result.duration_us;
            }
        }
    }

    fn deliver(&mut self, post: usize, order: u64) {
        let Some(message) = self.messages.remove(&order) else { return };
        let found = &self.posts[post];
        if found.is_dead {
            return;
        }
        if found.frozen_until_us > self.now_us {
            let at = found.frozen_until_us;
            return self.carry(at, Event::Deliver(post), message);
        }
        let Message::Down(message) = message else { return };
        let here = Here { race: self.race, speed: self.speed(post) };
        let doings = self.posts[post].worker.receive(&message, self.now_us, &here);
        self.act(post, doings);
    }

    fn wake(&mut self, post: usize, wake: u64) {
        let found = &self.posts[post];
        if found.is_dead || found.wake != wake {
            return;
        }
        if found.frozen_until_us > self.now_us {
            let at = self.now_us + found.frozen_for_us;
            return self.push(at, Event::Wake(post, wake));
        }
        if let Some(end) = found.worker.ends_us().filter(|end| *end > self.now_us) {
            return self.push(end, Event::Wake(post, wake));
        }
        let here = Here { race: self.race, speed: self.speed(post) };
        let doings = self.posts[post].worker.wake(self.now_us, &here);
        self.act(post, doings);
    }

    fn speed(&self, post: usize) -> u64 {
        self.race.slots.get(post).map_or(100, |slot| slot.speed)
    }

    fn act(&mut self, post: usize, doings: Doings) {
        self.result.extra_us += doings.stopped_us;
        for message in doings.says {
            self.say(post, message);
        }
        if let Some((token, job)) = doings.discovers {
            self.discover(post, token, job);
        }
        if let Some(at) = doings.wake_us {
            self.posts[post].wake += 1;
            let wake = self.posts[post].wake;
            self.push(at, Event::Wake(post, wake));
        }
        self.count_idle(post);
    }

    fn count_idle(&mut self, post: usize) {
        let found = &mut self.posts[post];
        let is_idle = found.is_present && !found.worker.is_busy();
        match (found.is_idle, is_idle) {
            (false, true) => self.idle += 1,
            (true, false) => self.idle -= 1,
            (true, true) | (false, false) => {}
        }
        found.is_idle = is_idle;
    }

    fn discover(&mut self, post: usize, token: Token, job: JobId) {
        let suite = self.race.jobs[job.run.0 as usize - 1].suite;
        let names: Vec<&str> = suite.cases.iter().map(|case| case.name.as_str()).collect();
        let (lists, seal) = idealised::discovery(token, &names);
        for list in lists {
            self.say(post, FromAgent::Discovered(list));
        }
        if post == self.lister() {
            self.say(post, FromAgent::Draining);
        }
        self.say(post, FromAgent::Finished(finished(token, AttemptOutcome::Passed, Some(seal))));
        self.posts[post].worker.discovered();
        self.undealt += suite.cases.len();
    }

    fn say(&mut self, post: usize, message: FromAgent) {
        let at = self.now_us + self.race.round_trip_us / 2;
        self.carry(at, Event::Arrive(post), Message::Up(message));
    }

    fn carry(&mut self, at_us: u64, event: Event, message: Message) {
        self.messages.insert(self.order + 1, message);
        self.push(at_us, event);
    }

    fn step(&mut self, input: Input) {
        self.result.steps += 1;
        let Step { effects, .. } = self.scheduler.step(now(self.now_us), input);
        for effect in effects {
            match effect {
                Effect::Send { session, message } => {
                    self.note_dealt(&message);
                    let at = self.now_us + self.race.round_trip_us / 2;
                    self.carry(at, Event::Deliver(session.0 as usize), Message::Down(message));
                }
                Effect::CloseSession { session, .. } => {
                    let post = session.0 as usize;
                    if !self.posts[post].is_dead {
                        self.die(post);
                    }
                }
                Effect::Publish { run, event: Seen::RunFinished(_) } => self.finish(run),
                Effect::Retire { report } => self.push(self.now_us, Event::Stored(report.run.run.0)),
                Effect::Answer { answer: Answer::Refused(refusal), .. } => panic!("refused: {refusal:?}"),
                Effect::Answer { .. } | Effect::Publish { .. } => {}
            }
        }
    }

    fn note_dealt(&mut self, message: &ToAgent) {
        let batch = match message {
            ToAgent::Lease(lease) => {
                self.shards.insert(lease.token, lease.job.run.0 as usize - 1);
                return;
            }
            ToAgent::Batch(batch) => batch,
            ToAgent::Opened(_)
            | ToAgent::Withdraw(_)
            | ToAgent::Cancel { .. }
            | ToAgent::Drain
            | ToAgent::HeartbeatAnswer { .. }
            | ToAgent::Ack { .. } => return,
        };
        let Some(job) = self.shards.get(&batch.shard).copied() else { return };
        self.shards.insert(batch.token, job);
        for dealt in &batch.tests {
            let known = &mut self.dealt[job][dealt.test.0 as usize];
            if !std::mem::replace(known, true) {
                self.undealt -= 1;
            }
        }
    }

    fn finish(&mut self, run: RunId) {
        let job = run.0 as usize - 1;
        let begun = START_US + if self.race.is_listed_before { 0 } else { self.race.jobs[job].submitted_us };
        self.result.times_us[job] = self.now_us - begun;
        self.open -= 1;
    }
}

fn session(post: usize) -> SessionId {
    SessionId(post as u64)
}

/// What is known of a suite, as rows: each job is of a project of its own, so that none learns from another.
fn remembered(place: usize, suite: &Suite) -> impl Iterator<Item = Row> {
    let number = place as u32;
    let last_seen = Wall { unix_ms: 1_600_000_000_000 };
    let row =
        MemorySuiteRow { suite: number, project: project(place), job: SUITE.to_owned(), last_seen, runs: Vec::new() };
    let known = suite.cases.iter().filter_map(|case| case.known_us.map(|known_us| (case, known_us)));
    let tests = (0..).zip(known).map(move |(place, (case, mean_us))| {
        Row::MemoryTest(Box::new(MemoryTestRow {
            suite: number,
            place,
            name: case.name.clone(),
            mean_us,
            high_us: mean_us + mean_us / 2,
            passed: 1,
            failed: 0,
            flaky: 0,
            first_seen: last_seen,
            last_seen,
            last_run: RunId(0),
            recent: Vec::new(),
            shift: 0,
            alarm_run: 0,
            quarantine: None,
        }))
    });
    std::iter::once(Row::MemorySuite(row)).chain(tests)
}

fn project(place: usize) -> String {
    format!("project-{place}")
}

/// When slots come: by then tests that are listed before are.
const START_US: u64 = 60_000_000;
/// Nothing is to run so long.
const TIMEOUT_MS: u64 = 1_000_000_000;
const HEARTBEAT_US: u64 = 1_500_000;
const END_US: u64 = 10_000_000_000_000;
