//! Runs from their submission to their place in history.

use muster_proto::v1;
use muster_proto::v1::session_request::Message as FromAgent;
use muster_proto::v1::watch_run_response::Event;
use sha2::{Digest as _, Sha256};
use tonic::Streaming;

use crate::agent::{Agent, append_log, append_log_at};
use crate::fixture::{Fixture, steps_run, tests_run, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_steps_passes_and_is_remembered_after_a_restart() {
    let fixture = Fixture::start().await;
    let run = fixture.submit(steps_run()).await;
    assert_eq!(fixture.submit(steps_run()).await, run, "the same request is the same run");
    let mut events = watch(&fixture, run).await;
    let mut agent = Agent::open(&fixture, "a").await;
    let lease = agent.lease().await;
    let token = lease.token.expect("a lease has a token");
    agent.say(FromAgent::Accepted(v1::Accepted { token: Some(token) })).await;
    agent.report(FromAgent::Started(v1::Started { token: Some(token) })).await;
    assert_eq!(append_log(&fixture, &lease, "hello\n").await.expect("it is stored"), 6);
    assert_eq!(append_log(&fixture, &lease, "hello\n").await.expect("it was stored before"), 6);
    let followed = within("the log", async {
        let (text, ()) = tokio::join!(fixture.log(run, true), agent.finish(token, 6, None));
        text
    });
    assert_eq!(followed.await, "hello\n");
    let finished = finish(&mut events).await;
    assert_eq!(finished.outcome(), v1::Outcome::Passed);

    let fixture = fixture.restart().await;
    let run = fixture.get(run).await;
    assert_eq!((run.state(), run.outcome()), (v1::RunState::Finished, v1::Outcome::Passed));
    assert_eq!(run.jobs.len(), 1);
    assert_eq!(fixture.log(run.run, true).await, "hello\n");
    let list = fixture.runs().list_runs(v1::ListRunsRequest::default()).await.expect("it serves").into_inner();
    assert_eq!(list.runs.iter().map(|run| run.run).collect::<Vec<_>>(), [run.run]);
    let again = finish(&mut watch(&fixture, run.run).await).await;
    assert_eq!(again.outcome(), v1::Outcome::Passed);
    let cancelled = fixture.runs().cancel_run(v1::CancelRunRequest { run: run.run }).await.expect("it is known");
    assert!(cancelled.into_inner().had_ended);
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_tests_keeps_every_verdict_and_what_the_tests_wrote() {
    let fixture = Fixture::start().await;
    let run = fixture.submit(tests_run()).await;
    let mut agent = Agent::open(&fixture, "a").await;
    discover(&mut agent, &["one", "two"]).await;
    let shard = agent.lease().await.token;
    agent.say(FromAgent::Accepted(v1::Accepted { token: shard })).await;
    agent.report(FromAgent::Started(v1::Started { token: shard })).await;
    let mut seen = Vec::new();
    loop {
        agent.say(FromAgent::WantBatch(v1::WantBatch { shard, start_cost_us: 0 })).await;
        let batch = agent.batch().await;
        if !batch.tests.is_empty() {
            let results = batch.tests.iter().map(|test| passed(test.test)).collect();
            seen.extend(batch.tests.into_iter().map(|test| test.name));
            agent.report(FromAgent::TestResults(v1::TestResults { batch: batch.token, results })).await;
        }
        if batch.is_last {
            break;
        }
    }
    let mut events = watch(&fixture, run).await;
    agent.finish(shard.expect("a lease has a token"), 0, None).await;
    let finished = finish(&mut events).await;
    assert_eq!(finished.outcome(), v1::Outcome::Passed, "{finished:?}");
    seen.sort();
    assert_eq!(seen, ["one", "two"]);

    let fixture = fixture.restart().await;
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListRunTestsRequest { run, page_size: 1, page_token };
        let page = fixture.tests().list_run_tests(request).await.expect("it is known").into_inner();
        for test in page.tests {
            assert_eq!(test.verdict(), v1::TestVerdict::Passed);
            let output = test.tries[0].output.as_ref().expect("it wrote something");
            assert_eq!(output.size_bytes, "written by 0".len() as i64);
            names.push(test.name);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["one", "two"]);
    let mut events = watch(&fixture, run).await;
    let mut verdicts = 0;
    while let Some(event) = within("an event", events.message()).await.expect("it is known") {
        verdicts += usize::from(matches!(event.event, Some(Event::TestFinished(_))));
    }
    assert_eq!(verdicts, 2);
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_run_goes_on_after_a_restart() {
    let fixture = Fixture::start().await;
    let run = fixture.submit(steps_run()).await;
    let mut agent = Agent::open(&fixture, "a").await;
    let token = agent.lease().await.token.expect("a lease has a token");
    agent.report(FromAgent::Started(v1::Started { token: Some(token) })).await;

    let fixture = fixture.restart().await;
    assert_eq!(fixture.get(run).await.state(), v1::RunState::Running);
    let mut agent = Agent::begin(&fixture).await;
    let held = v1::HeldLease { token: Some(token), is_started: true, ..v1::HeldLease::default() };
    let open = v1::Open {
        agent: "a".to_owned(),
        life: 1,
        slots: 1,
        version: "test".to_owned(),
        held: vec![held],
        ..v1::Open::default()
    };
    agent.say(FromAgent::Open(open)).await;
    let opened = match agent.next().await {
        Ok(Some(v1::session_response::Message::Opened(opened))) => opened,
        other => panic!("the session was not opened: {other:?}"),
    };
    let claims: Vec<_> = opened.claims.iter().map(|claim| (claim.token, claim.claim())).collect();
    assert_eq!(claims, [(Some(token), v1::claim_answer::Claim::Keep)]);
    let mut events = watch(&fixture, run).await;
    agent.finish(token, 0, None).await;
    assert_eq!(finish(&mut events).await.outcome(), v1::Outcome::Passed);
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_run_whose_tests_are_decided_gets_what_its_shard_still_writes() {
    let fixture = Fixture::start().await;
    let run = fixture.submit(tests_run()).await;
    let mut agent = Agent::open(&fixture, "a").await;
    discover(&mut agent, &["one"]).await;
    let lease = agent.lease().await;
    agent.report(FromAgent::Started(v1::Started { token: lease.token })).await;
    append_log(&fixture, &lease, "begun\n").await.expect("it is stored");
    agent.say(FromAgent::WantBatch(v1::WantBatch { shard: lease.token, start_cost_us: 0 })).await;
    let batch = agent.batch().await;
    let mut events = watch(&fixture, run).await;
    let results = vec![passed(batch.tests[0].test)];
    agent.report(FromAgent::TestResults(v1::TestResults { batch: batch.token, results })).await;
    assert_eq!(finish(&mut events).await.outcome(), v1::Outcome::Passed);
    let request = v1::ReadLogRequest { run, job: None, follow: true };
    let mut pieces = fixture.runs().read_log(request).await.expect("it is there").into_inner();
    let first = within("the first piece", pieces.message()).await.expect("it can be read").expect("it was written");
    assert_eq!(&first.data[..], b"begun\n");
    let written = append_log_at(&fixture, &lease, 6, "ended\n").await.expect("it is stored");
    agent.finish(lease.token.expect("a lease has a token"), written, None).await;
    let second = within("the rest", pieces.message()).await.expect("it can be read").expect("the reader waits for it");
    assert_eq!(&second.data[..], b"ended\n");
    assert!(within("the end", pieces.message()).await.expect("it can be read").is_none());
    fixture.end().await;
}

async fn watch(fixture: &Fixture, run: u64) -> Streaming<v1::WatchRunResponse> {
    fixture.runs().watch_run(v1::WatchRunRequest { run }).await.expect("it is there").into_inner()
}

async fn finish(events: &mut Streaming<v1::WatchRunResponse>) -> v1::Run {
    loop {
        let event = within("an event", events.message()).await.expect("the run is watched");
        match event.and_then(|event| event.event) {
            Some(Event::RunFinished(run)) => return run,
            Some(_) => {}
            None => panic!("the watch ended before the run"),
        }
    }
}

async fn discover(agent: &mut Agent, names: &[&str]) {
    let token = agent.lease().await.token;
    agent.say(FromAgent::Accepted(v1::Accepted { token })).await;
    agent.report(FromAgent::Started(v1::Started { token })).await;
    let tests = names.iter().map(|name| (*name).to_owned()).collect();
    agent.report(FromAgent::Discovered(v1::Discovered { token, first: 0, tests })).await;
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.as_bytes());
        hash.update([0]);
    }
    let seal = v1::Seal { count: names.len() as u32, sha256: hash.finalize().to_vec().into() };
    agent.finish(token.expect("a lease has a token"), 0, Some(seal)).await;
}

fn passed(test: u32) -> v1::TestResult {
    v1::TestResult {
        test,
        outcome: v1::TryOutcome::Passed.into(),
        duration_us: 5,
        message: String::new(),
        output: format!("written by {test}").into_bytes().into(),
    }
}
