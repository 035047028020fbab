use std::collections::BTreeMap;

use muster_common::digest::Digest;
use muster_common::error_code::{Reason, ReasonCode};
use muster_common::id::{AgentLife, AgentName, Epoch, JobId, JobIndex, RunId, ShardIndex, TestIndex, Token};
use muster_common::outcome::{Outcome, TestVerdict, TryOutcome};
use muster_common::spec::{JobSpec, RunSpec, Runner, StressSpec, TestGroup, TestScope, TestSpec, Work};
use muster_common::time::Wall;
use muster_scheduler::{
    AgentHealthRow, BatchRow, End, Fence, GroupSet, JobKind, JobRow, JobState, JobSummary, JudgedRun, LeasePart,
    LeaseRow, MemorySuiteRow, MemoryTestRow, Quarantine, RecentOutcome, RememberedOutcome, RunKind, RunRow, RunSummary,
    TestCounts, TestNamesRow, TestRow, TryRow,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::*;

proptest! {
    #[test]
    fn every_row_reads_back_as_it_was_written(row in row_strategy()) {
        prop_assert_eq!(decode_row(row.key(), &encode_row(&row)), Ok(row));
    }
}

#[test]
fn a_row_of_a_newer_writer_is_named_and_not_touched() {
    let envelope = stored::Envelope { least_writer_version: WRITER_VERSION + 1, row: None };
    let refused = decode_row(Key::Run(RunId(7)), &Value(envelope.encode_to_vec())).expect_err("it is newer");
    let expected =
        CodecError::NewerWriter { key: Key::Run(RunId(7)), least: WRITER_VERSION + 1, known: WRITER_VERSION };
    assert_eq!(refused, expected);
    assert!(refused.to_string().contains("Run(RunId(7))"), "{refused}");
}

#[test]
fn content_of_an_unknown_kind_is_named() {
    let field_99 = [0x08, 0x01, 0x9a, 0x06, 0x00];
    let refused = decode_row(Key::Counters, &Value(field_99.to_vec()));
    assert_eq!(refused, Err(CodecError::UnknownKind { key: Key::Counters }));
}

#[test]
fn a_row_under_another_rows_key_is_refused() {
    let value = encode_row(&Row::Counters(CountersRow { next_run: 3 }));
    let key = Key::Run(RunId(1));
    assert_eq!(decode_row(key, &value), Err(CodecError::Misplaced { key, own: Key::Counters }));
}

fn row_strategy() -> BoxedStrategy<Row> {
    prop_oneof![
        any::<u64>().prop_map(|next_run| Row::Counters(CountersRow { next_run })),
        (summary(), text(), digest()).prop_map(|(summary, request_id, report)| {
            Row::History(Box::new(HistoryRow { summary, request_id, report }))
        }),
        (any::<u32>(), text(), text(), moment()).prop_map(|(suite, project, job, last_seen)| {
            let runs =
                vec![JudgedRun { run: suite, kind: RunKind::Outage }, JudgedRun { run: 2, kind: RunKind::Telling }];
            Row::MemorySuite(MemorySuiteRow { suite, project, job, last_seen, runs })
        }),
        memory_test().prop_map(|row| Row::MemoryTest(Box::new(row))),
        agent_health().prop_map(|row| Row::AgentHealth(Box::new(row))),
        run().prop_map(|row| Row::Run(Box::new(row))),
        job().prop_map(|row| Row::Job(Box::new(row))),
        (job_id(), any::<u32>(), vec(text(), 0..4))
            .prop_map(|(job, first, names)| { Row::TestNames(TestNamesRow { job, first: TestIndex(first), names }) }),
        test().prop_map(|row| Row::Test(Box::new(row))),
        lease().prop_map(|row| Row::Lease(Box::new(row))),
        batch().prop_map(|row| Row::Batch(Box::new(row))),
    ]
    .boxed()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zäöü\n\" ]{1,12}"]
}

fn digest() -> impl Strategy<Value = Digest> {
    (any::<[u8; 32]>(), any::<u32>()).prop_map(|(hash, size)| Digest { hash, size_bytes: u64::from(size) })
}

fn moment() -> impl Strategy<Value = Wall> {
    any::<u64>().prop_map(|unix_ms| Wall { unix_ms })
}

fn memory_test() -> impl Strategy<Value = MemoryTestRow> {
    let outcome = select(vec![
        RememberedOutcome::Passed,
        RememberedOutcome::Failed,
        RememberedOutcome::Flaky,
        RememberedOutcome::FailedInCompany,
    ]);
    let recent = (any::<[u32; 3]>(), outcome).prop_map(|([run, agent, content], outcome)| RecentOutcome {
        run,
        agent,
        content,
        outcome,
        sighting: run / 2,
        tries: 3,
    });
    let head = (any::<[u32; 5]>(), text(), any::<[u64; 3]>(), moment(), moment());
    let quarantine = option::of((text(), text(), moment(), moment(), any::<bool>()).prop_map(
        |(owner, reason, since, until, is_automatic)| {
            Box::new(Quarantine { owner, reason, since, until, is_automatic, from_sighting: 7 })
        },
    ));
    (head, vec(recent, 0..3), quarantine).prop_map(
        |((counts, name, times, first_seen, last_seen), recent, quarantine)| {
            let [suite, place, passed, failed, flaky] = counts;
            let [mean_us, high_us, last_run] = times;
            let last_run = RunId(last_run);
            MemoryTestRow {
                suite,
                place,
                name,
                mean_us,
                high_us,
                passed,
                failed,
                flaky,
                first_seen,
                last_seen,
                last_run,
                recent,
                shift: 1_500,
                alarm_run: passed,
                quarantine,
            }
        },
    )
}

fn agent_health() -> impl Strategy<Value = AgentHealthRow> {
    let fence = option::of((text(), moment()).prop_map(|(reason, since)| Fence { reason, since }));
    (any::<[u32; 4]>(), agent(), vec(any::<u32>(), 0..3), moment(), fence).prop_map(
        |(numbers, agent, tests, last_seen, fence)| {
            let [number, tries, surprises, discredited_until] = numbers;
            AgentHealthRow { number, agent, tries, surprises, tests, last_seen, discredited_until, fence }
        },
    )
}

#[test]
fn a_remembered_test_of_an_older_writer_can_be_read() {
    let key = Key::MemoryTest(1, 2);
    let outcome =
        stored::RecentOutcome { run: 3, agent: 4, content: 5, outcome: 2, ..stored::RecentOutcome::default() };
    let test = stored::MemoryTest {
        suite: 1,
        place: 2,
        name: "t".to_owned(),
        recent: vec![outcome],
        ..stored::MemoryTest::default()
    };
    let row = Some(stored::envelope::Row::MemoryTest(test));
    let bytes = Value(stored::Envelope { least_writer_version: 1, row }.encode_to_vec());
    let Ok(Row::MemoryTest(row)) = decode_row(key, &bytes) else { panic!("it is a remembered test") };
    assert_eq!((row.recent[0].sighting, row.quarantine, row.shift), (0, None, 0));
}

fn job_id() -> impl Strategy<Value = JobId> {
    (any::<u64>(), any::<u32>()).prop_map(|(run, job)| JobId { run: RunId(run), job: JobIndex(job) })
}

fn token() -> impl Strategy<Value = Token> {
    (any::<u64>(), any::<u64>()).prop_map(|(epoch, counter)| Token { epoch: Epoch(epoch), counter })
}

fn agent() -> impl Strategy<Value = AgentName> {
    text().prop_map(AgentName)
}

fn end() -> impl Strategy<Value = Option<End>> {
    let outcome = select(vec![
        Outcome::Passed,
        Outcome::Skipped,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Cancelled,
        Outcome::Errored,
    ]);
    let reason = (select(ReasonCode::ALL.to_vec()), text()).prop_map(|(code, message)| Reason { code, message });
    option::of((outcome, option::of(reason), moment()).prop_map(|(outcome, reason, at)| End { outcome, reason, at }))
}

fn counts() -> impl Strategy<Value = TestCounts> {
    (any::<[u32; 8]>(), any::<bool>()).prop_map(|(numbers, is_sealed)| {
        let [discovered, passed, failed, flaky, skipped, errored, running, quarantined] = numbers;
        TestCounts { discovered, passed, failed, flaky, skipped, errored, running, is_sealed, quarantined }
    })
}

fn artifacts() -> impl Strategy<Value = BTreeMap<String, Digest>> {
    btree_map(text(), digest(), 0..3)
}

fn outputs() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(text(), text(), 0..3)
}

fn job_summary() -> impl Strategy<Value = JobSummary> {
    let kind = select(vec![JobKind::Steps, JobKind::TestBuild, JobKind::Tests]);
    let state = select(vec![JobState::Waiting, JobState::Queued, JobState::Running, JobState::Finished]);
    let what = (job_id(), text(), kind, state, option::of(moment()), end());
    let digest = option::of(any::<[u8; 32]>());
    let rest =
        (counts(), text(), any::<bool>(), artifacts(), outputs(), any::<u32>(), digest, option::of(any::<u32>()));
    (what, rest).prop_map(|((job, name, kind, state, started, end), rest)| {
        let (tests, waiting_for, may_fail, artifacts, outputs, lost, names_sha256, selected) = rest;
        JobSummary {
            job,
            name,
            kind,
            state,
            started,
            end,
            tests,
            waiting_for,
            may_fail,
            artifacts,
            outputs,
            lost,
            names_sha256,
            selected,
            alarms: vec!["a: once".to_owned()],
        }
    })
}

fn summary() -> impl Strategy<Value = RunSummary> {
    let head = (any::<u64>(), text(), text(), moment(), option::of(moment()));
    (head, any::<bool>(), end(), counts(), vec(job_summary(), 0..3)).prop_map(
        |((run, project, name, submitted, started), is_cancel_requested, end, tests, jobs)| RunSummary {
            run: RunId(run),
            project,
            name,
            submitted,
            started,
            is_cancel_requested,
            end,
            tests,
            jobs,
        },
    )
}

fn run() -> impl Strategy<Value = RunRow> {
    let head = (any::<u64>(), text(), text(), option::of(digest()), outputs());
    (head, moment(), option::of(moment()), any::<bool>(), end()).prop_map(
        |((run, request_id, name, workspace, env), submitted, started, is_cancel_requested, end)| RunRow {
            run: RunId(run),
            request_id,
            spec: RunSpec {
                project: name.clone(),
                name,
                workspace,
                env,
                jobs: vec![job_spec()],
                only: BTreeMap::new(),
                stress: Some(StressSpec { times: 3, changed: vec!["tests/a.py".to_owned()] }),
            },
            submitted,
            started,
            is_cancel_requested,
            end,
        },
    )
}

fn job_spec() -> JobSpec {
    let suite = TestSpec {
        parallel: Some(4),
        scope: TestScope::File,
        groups: vec![TestGroup { name: "db".to_owned(), patterns: vec!["*db*".to_owned()], limit: 1 }],
        caches_discovery: true,
        ..TestSpec::new(Runner::Pytest { args: vec!["-x".to_owned()] })
    };
    JobSpec { timeout_ms: 1, queue_timeout_ms: 2, ..JobSpec::new("unit", Work::Tests(suite)) }
}

fn job() -> impl Strategy<Value = JobRow> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), option::of(any::<u32>()));
    let moments = (option::of(moment()), option::of(moment()), end());
    (job_id(), moments, numbers, artifacts(), outputs()).prop_map(|(job, moments, numbers, artifacts, outputs)| {
        let (queued, started, end) = moments;
        let (attempts, lost, shards, sealed) = numbers;
        JobRow {
            job,
            queued,
            started,
            end,
            attempts,
            lost,
            shards,
            sealed,
            artifacts,
            outputs,
            alarms: vec!["a: once".to_owned()],
        }
    })
}

fn test_try() -> impl Strategy<Value = TryRow> {
    let outcomes = vec![TryOutcome::Passed, TryOutcome::Failed, TryOutcome::Skipped, TryOutcome::Errored];
    let head = (any::<u32>(), token(), select(outcomes), any::<u64>());
    (head, text(), option::of(digest()), agent(), moment()).prop_map(|(head, message, output, agent, at)| {
        let (attempt, token, outcome, duration_us) = head;
        TryRow { attempt, token, outcome, duration_us, message, output, agent, at }
    })
}

fn test() -> impl Strategy<Value = TestRow> {
    let verdicts =
        vec![TestVerdict::Passed, TestVerdict::Failed, TestVerdict::Flaky, TestVerdict::Skipped, TestVerdict::Errored];
    (job_id(), any::<u32>(), vec(test_try(), 0..3), any::<u32>(), option::of(select(verdicts))).prop_map(
        |(job, test, tries, lost, verdict)| TestRow {
            job,
            test: TestIndex(test),
            tries,
            lost,
            verdict,
            is_quarantined: lost % 2 == 1,
        },
    )
}

fn lease() -> impl Strategy<Value = LeaseRow> {
    let part = prop_oneof![
        Just(LeasePart::Work),
        Just(LeasePart::Discovery),
        any::<u32>().prop_map(|shard| LeasePart::Shard(ShardIndex(shard))),
    ];
    let head = (token(), job_id(), part, any::<u32>());
    (head, agent(), any::<u64>(), any::<bool>(), any::<bool>(), any::<u64>()).prop_map(
        |((token, job, part, attempt), agent, life, is_started, is_over, places)| LeaseRow {
            token,
            job,
            part,
            attempt,
            agent,
            life: AgentLife(life),
            is_started,
            is_over,
            places: GroupSet(places),
        },
    )
}

fn batch() -> impl Strategy<Value = BatchRow> {
    let tests = vec((any::<u32>().prop_map(TestIndex), any::<u32>()), 0..4);
    (token(), job_id(), token(), tests, any::<bool>()).prop_map(|(token, job, shard, tests, is_over)| BatchRow {
        token,
        job,
        shard,
        tests,
        is_over,
    })
}
