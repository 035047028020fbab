//! The agent against a coordinator that the test plays: real processes, a real stream, no scheduler.

mod coordinator;

use std::collections::BTreeMap;
use std::path::Path;

use coordinator::{Coordinator, Session, within};
use muster_agent::{Agent, Options, StartError};
use muster_common::control::{
    Batch, CancelReason, DealtTest, Finished, FromAgent, Lease, LeaseWork, Open, TestResult, ToAgent,
};
use muster_common::error_code::ReasonCode;
use muster_common::id::{Epoch, JobId, JobIndex, RunId, ShardIndex, TestIndex, Token};
use muster_common::outcome::{AttemptOutcome, TryOutcome};
use muster_common::spec::{ResultFormat, Runner, StepSpec, TestScope, TestSpec};

#[tokio::test]
async fn a_job_runs_its_steps_and_hands_over_outputs_and_log() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.coordinator.break_logs(2);
    let mut lease = lease(
        1,
        LeaseWork::Steps(vec![
            StepSpec {
                id: Some("one".to_owned()),
                ..step("echo \"value=$GREETING $MUSTER_JOB\" >> \"$MUSTER_OUTPUT\"")
            },
            step("for i in $(seq 1 30000); do echo \"line $i\"; done"),
            StepSpec { may_fail: true, ..step("exit 3") },
            step("test \"$CI\" = true && test -d \"$TMPDIR\" && echo ${{ steps.one.outputs.value }}"),
        ]),
    );
    lease.env.insert("GREETING".to_owned(), "hello from run ${{ muster.run }}".to_owned());
    lease.outputs.insert("said".to_owned(), "<${{ steps.one.outputs.value }}>".to_owned());
    fleet.session.send(ToAgent::Lease(Box::new(lease))).await?;
    let finished = fleet.finished().await?;
    assert_eq!(finished.outcome, AttemptOutcome::Passed);
    assert_eq!(finished.outputs.get("said").map(String::as_str), Some("<hello from run 1 j>"));
    let log = fleet.coordinator.log(token(1));
    assert_eq!((finished.is_log_complete, finished.log_bytes), (true, log.len() as u64));
    for number in [1, 15_000, 30_000] {
        assert_eq!(log.matches(&format!("line {number}\n")).count(), 1);
    }
    assert!(log.contains("\nhello from run 1 j\n"), "{log:.500}");
    fleet.leave().await
}

#[tokio::test]
async fn a_job_sees_every_variable_that_is_documented() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let mut lease = lease(1, LeaseWork::Steps(vec![step("env; test -w \"$MUSTER_OUTPUT\" && test -w \"$TMPDIR\"")]));
    lease.shard = Some(ShardIndex(3));
    fleet.session.send(ToAgent::Lease(Box::new(lease))).await?;
    assert_eq!(fleet.finished().await?.outcome, AttemptOutcome::Passed);
    let log = fleet.coordinator.log(token(1));
    let page = include_str!("../../docs/reference/pipeline.md");
    let (_, table) = page.split_once("### Variables").expect("the page has a table of them");
    let (table, _) = table.split_once("### ").expect("another part follows");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let names: Vec<&str> =
        rows.flat_map(|row| row.split('|').nth(1).into_iter().flat_map(|cell| cell.split('`'))).collect();
    let names: Vec<&str> =
        names.into_iter().filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase())).collect();
    assert!(names.len() >= 11, "{names:?}");
    for name in names {
        assert!(log.lines().any(|line| line.starts_with(&format!("{name}=")) && !line.ends_with('=')), "{name}\n{log}");
    }
    for expected in
        ["MUSTER_RUN=1", "MUSTER_JOB=j", "MUSTER_PROJECT=p", "MUSTER_ATTEMPT=1", "MUSTER_SHARD=3", "MUSTER_AGENT=a"]
    {
        assert!(log.lines().any(|line| line == expected), "{expected}\n{log}");
    }
    fleet.leave().await
}

#[tokio::test]
async fn the_first_failure_is_the_jobs_and_what_asks_to_runs_after_it() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let steps = vec![
        step("exit 7"),
        step("echo must not run"),
        StepSpec { condition: Some("failure()".to_owned()), ..step("echo cleaning up") },
    ];
    fleet.session.send(ToAgent::Lease(Box::new(lease(1, LeaseWork::Steps(steps))))).await?;
    let AttemptOutcome::Failed { reason } = fleet.finished().await?.outcome else { panic!("it must fail") };
    assert_eq!(reason.code, ReasonCode::ExitStatus);
    let log = fleet.coordinator.log(token(1));
    assert!(log.contains("cleaning up") && !log.contains("\nmust not run"), "{log}");
    fleet.leave().await
}

#[tokio::test]
async fn a_job_that_removes_its_workspace_has_lost_it() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let steps = vec![step("rm -rf \"$MUSTER_WORKSPACE\"")];
    fleet.session.send(ToAgent::Lease(Box::new(lease(1, LeaseWork::Steps(steps))))).await?;
    let AttemptOutcome::Errored { reason } = fleet.finished().await?.outcome else { panic!("it must be errored") };
    assert_eq!(reason.code, ReasonCode::WorkspaceLost);
    fleet.leave().await
}

#[tokio::test]
async fn a_cancelled_job_ends_with_everything_it_started() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let folder = tempfile::tempdir()?;
    let pid_file = folder.path().join("pid");
    let script =
        format!("(setsid sh -c 'echo $$ > {0}.new && mv {0}.new {0} && sleep 600' &) ; sleep 600", pid_file.display());
    fleet.session.send(ToAgent::Lease(Box::new(lease(1, LeaseWork::Steps(vec![step(&script)]))))).await?;
    let pid = wait_for_file(&pid_file).await?;
    fleet.session.send(ToAgent::Cancel { token: token(1), reason: CancelReason::Cancelled }).await?;
    assert_eq!(fleet.finished().await?.outcome, AttemptOutcome::Cancelled);
    assert!(!is_alive(&pid), "process {pid} lives on");
    fleet.leave().await
}

#[tokio::test]
async fn a_job_that_runs_too_long_is_stopped_by_its_agent() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let lease = Lease { timeout_ms: 300, ..lease(1, LeaseWork::Steps(vec![step("sleep 600")])) };
    fleet.session.send(ToAgent::Lease(Box::new(lease))).await?;
    assert_eq!(fleet.finished().await?.outcome, AttemptOutcome::TimedOut);
    fleet.leave().await
}

#[tokio::test]
async fn work_goes_on_while_the_coordinator_is_away() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let folder = tempfile::tempdir()?;
    let gate = folder.path().join("gate");
    let script = format!("while [ ! -e {} ]; do sleep 0.05; done; echo done", gate.display());
    fleet.session.send(ToAgent::Lease(Box::new(lease(1, LeaseWork::Steps(vec![step(&script)]))))).await?;
    fleet.session.until(|message| matches!(message, FromAgent::Started(_)).then_some(())).await?;
    let open = fleet.reconnect().await?;
    assert_eq!(open.held.len(), 1);
    assert!(open.held[0].is_started && !open.held[0].is_finished);
    std::fs::write(&gate, "")?;
    assert_eq!(fleet.finished().await?.outcome, AttemptOutcome::Passed);
    fleet.leave().await
}

#[tokio::test]
async fn an_agent_leaves_although_the_coordinator_is_away() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let folder = tempfile::tempdir()?;
    let done = folder.path().join("done");
    let script = format!("while [ ! -e {0}.gate ]; do sleep 0.05; done; echo said; touch {0}", done.display());
    fleet.session.send(ToAgent::Lease(Box::new(lease(1, LeaseWork::Steps(vec![step(&script)]))))).await?;
    fleet.session.until(|message| matches!(message, FromAgent::Started(_)).then_some(())).await?;
    let Fleet { coordinator, session, agent, folder: agent_folder } = fleet;
    drop((coordinator, session));
    std::fs::write(format!("{}.gate", done.display()), "")?;
    wait_for_file(&done).await?;
    within(agent.shut_down()).await?;
    assert_eq!(std::fs::read_dir(agent_folder.path().join("attempts"))?.count(), 0);
    Ok(())
}

#[tokio::test]
async fn results_that_are_not_acknowledged_outlive_the_agent() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.session.is_acknowledging = false;
    fleet.session.send(ToAgent::Lease(Box::new(lease(1, LeaseWork::Steps(vec![step("true")]))))).await?;
    let finished = fleet.finished().await?;
    fleet.agent.shut_down().await;
    fleet.agent = muster_agent::start(options(&fleet.coordinator, fleet.folder.path())).await?;
    let (session, open) = fleet.coordinator.session().await?;
    fleet.session = session;
    assert_eq!(open.held.iter().map(|held| (held.token, held.is_finished)).collect::<Vec<_>>(), [(token(1), true)]);
    assert_eq!(fleet.finished().await?, finished);
    fleet.leave().await
}

#[tokio::test]
async fn a_shard_runs_what_it_is_dealt_and_asks_for_more() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let mut lease = lease(1, LeaseWork::Shard(generic_tests()));
    lease.shard = Some(ShardIndex(0));
    fleet.session.send(ToAgent::Lease(Box::new(lease))).await?;
    fleet.wants_batch().await?;
    fleet.session.send(ToAgent::Batch(batch(2, &["a", "b", "bad"], false))).await?;
    let mut outcomes = BTreeMap::new();
    while outcomes.len() < 3 {
        for result in fleet.results().await? {
            outcomes.insert(result.test, result.outcome);
        }
    }
    assert_eq!(
        outcomes.into_values().collect::<Vec<_>>(),
        [TryOutcome::Passed, TryOutcome::Passed, TryOutcome::Failed]
    );
    fleet.wants_batch().await?;
    fleet.session.send(ToAgent::Batch(batch(3, &[], true))).await?;
    assert_eq!(fleet.finished().await?.outcome, AttemptOutcome::Passed);
    fleet.leave().await
}

#[tokio::test]
async fn discovery_is_listed_and_sealed() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    fleet.session.send(ToAgent::Lease(Box::new(lease(1, LeaseWork::Discover(generic_tests()))))).await?;
    let tests = fleet
        .session
        .until(|message| match message {
            FromAgent::Discovered(part) => Some(part.tests),
            _ => None,
        })
        .await?;
    assert_eq!(tests, ["a", "b", "bad"]);
    assert_eq!(fleet.finished().await?.seal.map(|seal| seal.count), Some(3));
    fleet.leave().await
}

#[tokio::test]
async fn a_kept_list_is_taken_for_the_same_lease_alone_and_proven_by_a_shard() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let tests = || TestSpec { caches_discovery: true, ..generic_tests() };
    assert_eq!(fleet.listed(lease(1, LeaseWork::Discover(tests()))).await?, ["a", "b", "bad"]);
    let kept = fleet.listed(lease(2, LeaseWork::Discover(tests()))).await?;
    assert_eq!(kept[1..], ["a", "b", "bad"]);
    assert!(fleet.coordinator.log(token(2)).contains("took the list of 3 tests from kept lists"));
    let mut other = lease(3, LeaseWork::Discover(tests()));
    other.env.insert("SOMETHING".to_owned(), "else".to_owned());
    assert_eq!(fleet.listed(other).await?, ["a", "b", "bad"]);
    assert_eq!(fleet.listed(lease(4, LeaseWork::Discover(generic_tests()))).await?, ["a", "b", "bad"]);

    let shard = Lease { shard: Some(ShardIndex(0)), ..lease(5, LeaseWork::Shard(tests())) };
    fleet.session.send(ToAgent::Lease(Box::new(shard))).await?;
    fleet.wants_batch().await?;
    fleet.session.send(ToAgent::Batch(Batch { shard: token(5), ..batch(100, &[kept[0].as_str(), "a"], true) })).await?;
    let mut outcomes = Vec::new();
    while outcomes.len() < 2 {
        outcomes.extend(fleet.results().await?.into_iter().map(|result| result.outcome));
    }
    assert_eq!(outcomes, [TryOutcome::Passed, TryOutcome::Passed]);
    assert_eq!(fleet.finished().await?.outcome, AttemptOutcome::Passed);
    fleet.leave().await
}

#[tokio::test]
async fn a_drained_agent_leaves_and_a_directory_serves_one_agent() -> anyhow::Result<()> {
    let mut fleet = Fleet::start().await?;
    let second = muster_agent::start(options(&fleet.coordinator, fleet.folder.path())).await;
    assert!(matches!(second, Err(StartError::DirectoryTaken(_))));
    fleet.agent.drain();
    within(fleet.agent.left()).await
}

/// One agent with one slot, and its coordinator.
struct Fleet {
    coordinator: Coordinator,
    session: Session,
    agent: Agent,
    folder: tempfile::TempDir,
}

impl Fleet {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut coordinator = Coordinator::start().await?;
        let agent = muster_agent::start(options(&coordinator, folder.path())).await?;
        let (session, open) = coordinator.session().await?;
        assert_eq!((open.agent.0.as_str(), open.slots, open.held.len()), ("a", 1, 0));
        Ok(Self { coordinator, session, agent, folder })
    }

    /// Breaks the stream and takes the next one.
    async fn reconnect(&mut self) -> anyhow::Result<Open> {
        self.session.end();
        let (session, open) = self.coordinator.session().await?;
        self.session = session;
        Ok(open)
    }

    async fn finished(&mut self) -> anyhow::Result<Finished> {
        self.session
            .until(|message| match message {
                FromAgent::Finished(finished) => Some(finished),
                _ => None,
            })
            .await
    }

    /// What a discovery lists.
    async fn listed(&mut self, lease: Lease) -> anyhow::Result<Vec<String>> {
        self.session.send(ToAgent::Lease(Box::new(lease))).await?;
        let tests = self
            .session
            .until(|message| match message {
                FromAgent::Discovered(part) => Some(part.tests),
                _ => None,
            })
            .await?;
        self.finished().await?;
        Ok(tests)
    }

    async fn wants_batch(&mut self) -> anyhow::Result<()> {
        self.session.until(|message| matches!(message, FromAgent::WantBatch(_)).then_some(())).await
    }

    async fn results(&mut self) -> anyhow::Result<Vec<TestResult>> {
        self.session
            .until(|message| match message {
                FromAgent::TestResults(results) => Some(results.results),
                _ => None,
            })
            .await
    }

    /// Nothing of the agent may be left.
    async fn leave(self) -> anyhow::Result<()> {
        within(self.agent.shut_down()).await?;
        let attempts = self.folder.path().join("attempts");
        let left: Vec<_> = std::fs::read_dir(attempts).into_iter().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        Ok(())
    }
}

fn options(coordinator: &Coordinator, folder: &Path) -> Options {
    Options::new(coordinator.endpoint.clone(), "a", folder)
}

async fn wait_for_file(path: &Path) -> anyhow::Result<String> {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    within(async {
        loop {
            ticks.tick().await;
            if let Ok(text) = std::fs::read_to_string(path) {
                return text;
            }
        }
    })
    .await
}

/// A process that has ended may wait to be reaped by somebody else.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn token(counter: u64) -> Token {
    Token { epoch: Epoch(1), counter }
}

fn step(run: &str) -> StepSpec {
    StepSpec::new("s", run)
}

fn generic_tests() -> TestSpec {
    let run = r#"
        echo '<testsuite>' > results.xml
        while read -r name; do
            echo "<testcase name=\"$name\">" >> results.xml
            if [ "$name" = bad ]; then echo '<failure message="no"/>' >> results.xml; fi
            echo '</testcase>' >> results.xml
        done < "$MUSTER_TESTS_FILE"
        echo '</testsuite>' >> results.xml
        ! grep -q bad "$MUSTER_TESTS_FILE"
    "#;
    TestSpec {
        runner: Runner::Generic {
            list: "printf 'a\\nb\\nbad\\n'".to_owned(),
            run: run.to_owned(),
            results: vec!["results.xml".to_owned()],
            format: ResultFormat::Junit,
        },
        working_directory: None,
        setup: vec![step("echo set up")],
        retries: 0,
        parallel: None,
        test_timeout_ms: 60_000,
        scope: TestScope::Test,
        groups: Vec::new(),
        caches_discovery: false,
    }
}

fn batch(counter: u64, names: &[&str], is_last: bool) -> Batch {
    let dealt = |(index, name): (usize, &&str)| DealtTest {
        test: TestIndex(u32::try_from(index).expect("few tests")),
        name: (*name).to_owned(),
        attempt: 1,
    };
    Batch { token: token(counter), shard: token(1), tests: names.iter().enumerate().map(dealt).collect(), is_last }
}

fn lease(counter: u64, work: LeaseWork) -> Lease {
    Lease {
        token: token(counter),
        job: JobId { run: RunId(1), job: JobIndex(0) },
        project: "p".to_owned(),
        job_name: "j".to_owned(),
        attempt: 1,
        shard: None,
        work,
        env: BTreeMap::new(),
        workspace: None,
        inputs: Vec::new(),
        artifacts: Vec::new(),
        outputs: BTreeMap::new(),
        needs: BTreeMap::new(),
        timeout_ms: 600_000,
        is_repeatable: true,
    }
}
