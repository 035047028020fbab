//! `ReadLog`: what is stored, and, for followers, what comes, until the run or the job has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use muster_common::id::{JobId, JobIndex, RunId, Token};
use muster_proto::v1;
use muster_scheduler::{Event, JobState, JobSummary, Refusal, RunSummary};
use muster_service::shutdown::Shutdown;
use muster_service::wire::types::token_to_proto;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::status::{from_no_answer, from_refusal, from_watch_end, internal, invalid};
use super::tests_of_run::Readers;
use crate::handle::NoAnswer;
use crate::logs::{Attempt, Logs, Unended};
use crate::watchers::{Watched, Watching};

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) run: RunId,
    pub(super) job: Option<JobIndex>,
    pub(super) is_followed: bool,
}

/// From where.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) readers: Readers,
    pub(super) logs: Arc<Logs>,
    pub(super) unended: Arc<Unended>,
}

type Response = Result<v1::ReadLogResponse, Status>;

/// Begins to read.
pub(super) async fn read(
    source: Source,
    wanted: Wanted,
    shutdown: Shutdown,
) -> Result<BoxStream<'static, Response>, Status> {
    let rest = rest(&source.readers, wanted).await?;
    let (sender, receiver) = mpsc::channel(RESPONSES_WAITING_MAX);
    tokio::spawn(async move {
        let reading = Reading { source, wanted, sent: BTreeMap::new(), sender: sender.clone() };
        let result = tokio::select! {
            result = reading.run(rest) => result,
            () = sender.closed() => Ok(()),
            () = shutdown.wait() => Err(from_no_answer(NoAnswer::ShuttingDown)),
        };
        if let Err(status) = result {
            let _ = sender.send(Err(status)).await;
        }
    });
    Ok(ReceiverStream::new(receiver).boxed())
}

/// What may come beside what is stored.
enum Rest {
    /// Nothing that is asked for.
    None,
    /// Only what is on its way from attempts that outlive their job.
    Stragglers,
    /// All that is written until the end.
    Live(Watching),
}

/// What is still to come. Checks that run and job are there.
async fn rest(readers: &Readers, wanted: Wanted) -> Result<Rest, Status> {
    let mut watching = readers.handle.watch(wanted.run).await.map_err(from_no_answer)?;
    match watching.next().await {
        Some(Ok(Watched::Snapshot(summary))) => {
            check_job(&summary, wanted)?;
            let is_over = summary.end.is_some() || summary.jobs.iter().any(|job| is_wanted_end(job, wanted));
            Ok(match (is_over, wanted.is_followed) {
                (true, _) => Rest::Stragglers,
                (false, true) => Rest::Live(watching),
                (false, false) => Rest::None,
            })
        }
        Some(Ok(Watched::Refused(refusal @ Refusal::RunUnknown { .. }))) => {
            let row = readers.history.get(wanted.run).ok_or_else(|| from_refusal(&refusal))?;
            check_job(&row.summary, wanted).map(|()| Rest::Stragglers)
        }
        Some(Ok(Watched::Refused(refusal))) => Err(from_refusal(&refusal)),
        Some(Ok(Watched::Event(_))) | None => Err(from_no_answer(NoAnswer::Lost)),
        Some(Err(end)) => Err(from_watch_end(end)),
    }
}

fn check_job(summary: &RunSummary, wanted: Wanted) -> Result<(), Status> {
    match wanted.job {
        Some(job) if !summary.jobs.iter().any(|found| found.job.job == job) => {
            Err(invalid("job", format!("run {} has no job {job}", wanted.run)))
        }
        Some(_) | None => Ok(()),
    }
}

fn is_wanted_end(job: &JobSummary, wanted: Wanted) -> bool {
    wanted.job == Some(job.job.job) && job.state == JobState::Finished
}

struct Reading {
    source: Source,
    wanted: Wanted,
    sent: BTreeMap<Attempt, u64>,
    sender: mpsc::Sender<Response>,
}

impl Reading {
    async fn run(mut self, rest: Rest) -> Result<(), Status> {
        let is_over = !matches!(rest, Rest::None);
        if let Rest::Live(watching) = rest {
            let mut growth = self.source.logs.follow(self.wanted.run);
            // Events are read beside: a slow reader of logs must not be taken for a slow watcher.
            let mut events = JoinSet::new();
            events.spawn(wait_for_end(watching, self.wanted));
            loop {
                growth.borrow_and_update();
                self.send_what_is_there().await?;
                tokio::select! {
                    _ = growth.changed() => {}
                    Some(ended) = events.join_next() => {
                        ended.map_err(|error| internal("watching a run broke down", &error))??;
                        break;
                    }
                }
            }
        }
        self.send_what_is_there().await?;
        if is_over {
            self.wait_for_stragglers().await?;
            self.send_what_is_there().await?;
        }
        Ok(())
    }

    /// An attempt's log is complete before its end is told, but a test job ends with its last verdict, before its shards.
    async fn wait_for_stragglers(&self) -> Result<(), Status> {
        let Wanted { run, job, .. } = self.wanted;
        let stored = self.blocking(move |logs| logs.attempts(run, job)).await?;
        let stored: BTreeSet<Token> = stored.into_iter().map(|attempt| attempt.token).collect();
        let is_wanted = |token: Token, of: Option<JobId>| match of {
            Some(of) => of.run == run && job.is_none_or(|job| job == of.job),
            None => stored.contains(&token),
        };
        self.source.unended.wait(is_wanted).await;
        Ok(())
    }

    async fn send_what_is_there(&mut self) -> Result<(), Status> {
        let Wanted { run, job, .. } = self.wanted;
        let attempts = self.blocking(move |logs| logs.attempts(run, job)).await?;
        for attempt in attempts {
            self.send_attempt(attempt).await?;
        }
        Ok(())
    }

    async fn send_attempt(&mut self, attempt: Attempt) -> Result<(), Status> {
        loop {
            let offset = self.sent.get(&attempt).copied().unwrap_or(0);
            let which = attempt.clone();
            let data = self.blocking(move |logs| logs.read(&which, offset)).await?;
            if data.is_empty() {
                return Ok(());
            }
            self.sent.insert(attempt.clone(), offset + data.len() as u64);
            let response = v1::ReadLogResponse {
                job: attempt.job.job.0,
                token: Some(token_to_proto(attempt.token)),
                stream: attempt.stream.as_str().to_owned(),
                offset,
                data: data.into(),
            };
            if self.sender.send(Ok(response)).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Logs) -> Result<T, crate::logs::ReadError> + Send + 'static,
    ) -> Result<T, Status> {
        let logs = Arc::clone(&self.source.logs);
        let result = tokio::task::spawn_blocking(move || read(&logs)).await;
        let result = result.map_err(|error| internal("reading a log broke down", &error))?;
        result.map_err(|error| internal("a log cannot be read", &error))
    }
}

/// Waits until the run, or the job that is wanted, has ended.
async fn wait_for_end(mut watching: Watching, wanted: Wanted) -> Result<(), Status> {
    while let Some(watched) = watching.next().await {
        let is_over = match watched.map_err(from_watch_end)? {
            Watched::Event(event) => match &*event {
                Event::RunFinished(_) => true,
                Event::JobChanged(job) => is_wanted_end(job, wanted),
                Event::RunChanged(_) | Event::TestFinished { .. } | Event::ShardsChanged { .. } => false,
            },
            Watched::Snapshot(_) | Watched::Refused(_) => false,
        };
        if is_over {
            break;
        }
    }
    Ok(())
}

/// Pieces that may wait for the network.
const RESPONSES_WAITING_MAX: usize = 16;
