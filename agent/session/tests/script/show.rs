//! Effects as lines.

use muster_common::control::{FromAgent, HeldLease, TestResult};
use muster_common::id::{TestIndex, Token};
use muster_common::outcome::{AttemptOutcome, TryOutcome};
use muster_session::{Effect, Notice};

/// One effect as one line.
pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Connect => "connect".to_owned(),
        Effect::Disconnect => "disconnect".to_owned(),
        Effect::Send { sequence: 0, message } => format!("send {}", message_text(message)),
        Effect::Send { sequence, message } => format!("send {sequence}: {}", message_text(message)),
        Effect::StartAttempt(lease) => format!("start attempt {}", lease.token),
        Effect::GiveBatch(batch) => {
            let tests: Vec<TestIndex> = batch.tests.iter().map(|dealt| dealt.test).collect();
            let last = if batch.is_last { " last" } else { "" };
            format!("give batch {} to {}: {}{last}", batch.token, batch.shard, tests_text(&tests))
        }
        Effect::WithdrawTests { shard, withdraw } => {
            format!("withdraw from {shard} of {}: {}", withdraw.batch, tests_text(&withdraw.tests))
        }
        Effect::StopAttempt { token, reason } => format!("stop attempt {token}: {reason:?}"),
        Effect::SpoolAppend { sequence, .. } => format!("keep {sequence}"),
        Effect::SpoolTrim { up_to } => format!("forget up to {up_to}"),
        Effect::SpoolOwner { store_id } => format!("spool is for store {store_id}"),
        Effect::Notice(notice) => format!("notice {}", notice_text(notice)),
        Effect::Exit => "exit".to_owned(),
    }
}

fn message_text(message: &FromAgent) -> String {
    match message {
        FromAgent::Open(open) => {
            let held: Vec<String> = open.held.iter().map(held_text).collect();
            let draining = if open.is_draining { " draining" } else { "" };
            format!("open {} of life {} with [{}]{draining}", open.number, open.life.0, held.join("; "))
        }
        FromAgent::Heartbeat(heartbeat) => {
            format!("heartbeat {}, alive [{}]", heartbeat.number, tokens(&heartbeat.alive))
        }
        FromAgent::Accepted(token) => format!("accepted {token}"),
        FromAgent::Refused { token, reason } => format!("refused {token}: {reason}"),
        FromAgent::Started(token) => format!("started {token}"),
        FromAgent::Discovered(part) => {
            format!("discovered {} from {}: {}", part.token, part.first, part.tests.join(" "))
        }
        FromAgent::TestStarted(started) => {
            format!("tests started of {}: {}", started.batch, tests_text(&started.tests))
        }
        FromAgent::TestResults(results) => {
            let results_text: Vec<String> = results.results.iter().map(result_text).collect();
            format!("results of {}: {}", results.batch, results_text.join(" "))
        }
        FromAgent::WantBatch(want) => format!("{} wants a batch, start cost {} us", want.shard, want.start_cost_us),
        FromAgent::Withdrawn(withdrawn) => format!(
            "withdrawn from {}: given up {}, started {}",
            withdrawn.batch,
            tests_text(&withdrawn.given_up),
            tests_text(&withdrawn.started)
        ),
        FromAgent::Finished(finished) => format!("finished {}: {}", finished.token, outcome_text(&finished.outcome)),
        FromAgent::Draining => "draining".to_owned(),
    }
}

fn held_text(held: &HeldLease) -> String {
    let mut text = held.token.to_string();
    for (is_set, word) in
        [(held.is_started, " started"), (held.is_finished, " finished"), (held.wants_batch, " wants a batch")]
    {
        if is_set {
            text.push_str(word);
        }
    }
    for batch in &held.batches {
        text.push_str(&format!(" batch {}", batch.token));
    }
    text
}

fn notice_text(notice: &Notice) -> String {
    match notice {
        // The pause is drawn at random; its bounds are tested beside the generator.
        Notice::Retrying { .. } => "retrying".to_owned(),
        Notice::Opened { stamp, resent } => {
            format!("opened by store {} epoch {}, {resent} sent again", stamp.store_id, stamp.epoch)
        }
        Notice::StampRefused { got, known } => format!(
            "refused store {} epoch {}, obeys store {} epoch {}",
            got.store_id, got.epoch, known.store_id, known.epoch
        ),
        Notice::StoreChanged { messages, attempts } => {
            format!("store changed: {messages} messages and {attempts} attempts given up")
        }
        Notice::Protocol(text) => format!("protocol: {text}"),
        Notice::LeaseRefused { token, why } => format!("lease {token} refused: {why}"),
        Notice::Fenced { token } => format!("fenced {token}"),
        Notice::Silent => "silent".to_owned(),
        Notice::Draining => "draining".to_owned(),
    }
}

fn outcome_text(outcome: &AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Passed => "passed",
        AttemptOutcome::Failed { .. } => "failed",
        AttemptOutcome::Errored { .. } => "errored",
        AttemptOutcome::TimedOut => "timed out",
        AttemptOutcome::Cancelled => "cancelled",
    }
}

fn result_text(result: &TestResult) -> String {
    let mark = match result.outcome {
        TryOutcome::Passed => '+',
        TryOutcome::Failed => '-',
        TryOutcome::Skipped => '~',
        TryOutcome::Errored => '!',
    };
    format!("{mark}{}", result.test)
}

fn tests_text(tests: &[TestIndex]) -> String {
    let numbers: Vec<String> = tests.iter().map(TestIndex::to_string).collect();
    format!("[{}]", numbers.join(" "))
}

fn tokens(tokens: &[Token]) -> String {
    tokens.iter().map(Token::to_string).collect::<Vec<_>>().join(" ")
}
