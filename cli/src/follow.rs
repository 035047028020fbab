//! Following a run to its end, across broken streams, without a line lost or doubled.

use std::time::{Duration, Instant};

use bytes::Bytes;
use muster_proto::v1;
use tokio::time::{Interval, MissedTickBehavior};
use tonic::{Code, Status, Streaming};

use crate::client::{Backoff, Client};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Connection, Reporter};
use crate::run_view::{News, RunView};

/// What Ctrl-C does to the run that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnInterrupt {
    /// It is cancelled, and its end is waited for.
    CancelRun,
    /// It goes on without a watcher.
    Leave,
}

/// Follows `run` to its end and gives it with all its jobs.
pub(crate) async fn follow(
    client: &Client,
    run: u64,
    reporter: &mut dyn Reporter,
    interrupt: &Interrupt,
    on_interrupt: OnInterrupt,
) -> Result<v1::Run, Failure> {
    let mut follower = Follower {
        client,
        run,
        reporter,
        interrupt,
        on_interrupt,
        view: RunView::default(),
        is_cancelled: false,
        ticks: ticks(),
    };
    let mut backoff = Backoff::new(RECONNECT_PATIENCE);
    loop {
        let end = match client.watch(run).await {
            Ok(stream) => follower.take(stream, &mut backoff).await?,
            Err(status) => StreamEnd::Broken(status),
        };
        match end {
            StreamEnd::RunEnded(run) => return Ok(*run),
            StreamEnd::Broken(status) => follower.reconnect(&status, &mut backoff).await?,
        }
    }
}

struct Follower<'a> {
    client: &'a Client,
    run: u64,
    reporter: &'a mut dyn Reporter,
    interrupt: &'a Interrupt,
    on_interrupt: OnInterrupt,
    view: RunView,
    is_cancelled: bool,
    ticks: Interval,
}

enum StreamEnd {
    RunEnded(Box<v1::Run>),
    Broken(Status),
}

enum Next {
    Message(Box<v1::WatchRunResponse>),
    End(Status),
    Tick,
    Interrupted,
}

impl Follower<'_> {
    async fn take(
        &mut self,
        mut stream: Streaming<v1::WatchRunResponse>,
        backoff: &mut Backoff,
    ) -> Result<StreamEnd, Failure> {
        let mut is_first = true;
        loop {
            let next = tokio::select! {
                message = stream.message() => match message {
                    Ok(Some(message)) => Next::Message(Box::new(message)),
                    Ok(None) => Next::End(Status::unavailable("the stream ended before the run did")),
                    Err(status) => Next::End(status),
                },
                _ = self.ticks.tick() => Next::Tick,
                () = self.interrupt.wait(), if !self.is_cancelled => Next::Interrupted,
            };
            match next {
                Next::Tick => self.reporter.tick(&self.view),
                Next::Interrupted => self.interrupted().await?,
                Next::Message(message) => {
                    if std::mem::take(&mut is_first) {
                        *backoff = Backoff::new(RECONNECT_PATIENCE);
                        self.reporter.connection(&self.view, Connection::Made);
                    }
                    if let Some(run) = self.tell(*message).await {
                        return Ok(StreamEnd::RunEnded(run));
                    }
                }
                Next::End(status) => return Ok(StreamEnd::Broken(status)),
            }
        }
    }

    async fn tell(&mut self, message: v1::WatchRunResponse) -> Option<Box<v1::Run>> {
        let event = message.event?;
        for news in self.view.apply(event, Instant::now()) {
            let output = self.output_of(&news).await;
            self.reporter.news(&self.view, &news, output.as_deref());
            if let News::RunEnded(run) = news {
                return Some(run);
            }
        }
        None
    }

    async fn output_of(&self, news: &News) -> Option<Bytes> {
        let News::TryEnded(finished) = news else { return None };
        let digest = finished.r#try.as_ref()?.output.as_ref()?;
        if self.reporter.wants_output(finished) { self.client.output(digest).await } else { None }
    }

    async fn interrupted(&mut self) -> Result<(), Failure> {
        match self.on_interrupt {
            OnInterrupt::Leave => {
                Err(Failure::new(ExitCode::Cancelled, format!("stopped watching; run {} goes on", self.run)))
            }
            OnInterrupt::CancelRun => {
                self.is_cancelled = true;
                self.reporter.cancelling(self.run);
                self.client.cancel(self.run).await.map(|_| ())
            }
        }
    }

    async fn reconnect(&mut self, status: &Status, backoff: &mut Backoff) -> Result<(), Failure> {
        let what = format!("cannot watch run {}", self.run);
        match status.code() {
            Code::NotFound | Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied => {
                return Err(self.client.failure(&what, status));
            }
            _ => {}
        }
        self.view.disconnected();
        self.reporter.connection(&self.view, Connection::Lost);
        tokio::select! {
            may_retry = backoff.wait() => {
                if may_retry { Ok(()) } else { Err(self.client.failure(&what, status)) }
            }
            () = self.interrupt.wait(), if !self.is_cancelled => self.interrupted().await,
        }
    }
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// How often the picture on a terminal moves.
const TICK: Duration = Duration::from_millis(120);
/// How long a coordinator that is gone is waited for.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(5 * 60);
