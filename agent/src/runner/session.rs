//! One runner process from its start to its end: its words to the log, its verdicts to the account, its tests held to
//! their time limit.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use muster_common::outcome::TryOutcome;

use super::channel::Channel;
use super::context::RunnerContext;
use super::excerpt::Tail;
use super::failure::RunnerFailure;
use super::progress::{Progress, Verdict};
use crate::attempt::exit::Exit;
use crate::attempt::lifeline::Lifeline;
use crate::attempt::limits::{CHUNKS_WAITING_MAX, DRAIN_SILENCE_MAX};
use crate::attempt::process::{Chunk, Command, Running, Stream};

/// A process to be run for some of a batch's tests.
pub(crate) struct Launch {
    pub(crate) process: Process,
    /// What understands it.
    pub(crate) feed: Box<dyn Feed>,
    /// A pipe of its own by which it reports, beside its output.
    pub(crate) channel: Option<Channel>,
    /// The tests that it is to run.
    pub(crate) positions: Vec<usize>,
    /// What to install if its program is missing.
    pub(crate) hint: &'static str,
}

/// Where the process comes from.
pub(crate) enum Process {
    /// It is started.
    New(Command),
    /// It has run another batch and has been told of this one.
    Idle(Running),
}

/// A process that waits for its next batch.
pub(crate) struct Idle {
    pub(crate) running: Running,
    pub(crate) channel: Option<Channel>,
    pub(crate) feed: Box<dyn Feed>,
}

/// What a runner process said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// The test of this name has begun.
    Started(String),
    /// The test of this name has its verdict.
    Finished(String, Verdict),
    /// The test of this name has begun, and is put off: it will be asked for again.
    PutOff(String),
    /// Something went wrong outside of every test: it counts against the last of them.
    Outside { message: String, output: Vec<u8> },
    /// It has done what it was asked to do, and waits for its next batch.
    Done,
    /// The report as a whole cannot be trusted, or the runner cannot go on.
    Trouble(RunnerFailure),
}

/// Understands one runner process.
pub(crate) trait Feed: Send + Sync {
    /// Whether what is written to `stream` is for people.
    fn is_for_log(&self, stream: Stream) -> bool;

    /// It has been started.
    fn begin(&mut self) -> Vec<Said> {
        Vec::new()
    }

    /// It wrote this.
    fn output(&mut self, chunk: &Chunk) -> Vec<Said>;

    /// This came through its own pipe.
    fn channel(&mut self, _bytes: &[u8]) -> Vec<Said> {
        Vec::new()
    }

    /// It has ended.
    fn end(&mut self, exit: Exit) -> Vec<Said>;
}

/// A process that has ended, or is done with its batch.
pub(crate) struct SessionEnd {
    pub(crate) exit: Exit,
    /// The process, if it is not at its end.
    pub(crate) idle: Option<Idle>,
    /// The test that was stopped because it ran too long.
    pub(crate) timed_out: Option<usize>,
    /// Whether it was stopped because it was silent for too long with no test running.
    pub(crate) is_stalled: bool,
    /// From its start to that of its first test.
    pub(crate) start_cost: Option<Duration>,
    /// Its last words, from the start of its last test on.
    pub(crate) tail: Tail,
    /// The result of the last of its tests: what it is worth is known only now, for a process that dies after it may
    /// have died of it.
    pub(crate) held: Option<(usize, Verdict)>,
}

/// Runs `launch` to its end.
pub(crate) async fn run(
    context: &RunnerContext,
    launch: Launch,
    progress: &mut Progress<'_>,
) -> Result<SessionEnd, RunnerFailure> {
    let hint = launch.hint;
    let running = match launch.process {
        Process::New(command) => {
            command.start(&context.stop).await.map_err(|error| RunnerFailure::start(&error, hint))?
        }
        Process::Idle(running) => running,
    };
    let session = Session {
        context,
        feed: launch.feed,
        progress,
        left: launch.positions.into_iter().collect(),
        held: None,
        timed_out: None,
        is_stalled: false,
        is_done: false,
        started: Instant::now(),
        last_news: Instant::now(),
        start_cost: None,
        tail: Tail::default(),
    };
    session.watch(running, launch.channel).await
}

struct Session<'a, 'b> {
    context: &'a RunnerContext,
    feed: Box<dyn Feed>,
    progress: &'a mut Progress<'b>,
    /// Its tests that it has said nothing of.
    left: BTreeSet<usize>,
    held: Option<(usize, Verdict)>,
    timed_out: Option<usize>,
    is_stalled: bool,
    is_done: bool,
    started: Instant,
    last_news: Instant,
    start_cost: Option<Duration>,
    tail: Tail,
}

impl Session<'_, '_> {
    async fn watch(mut self, mut running: Running, mut channel: Option<Channel>) -> Result<SessionEnd, RunnerFailure> {
        let said = self.feed.begin();
        self.take(said).await?;
        let mut is_told_to_stop = false;
        while !self.is_done {
            tokio::select! {
                // First of all, for a runner that never stops writing must not put its time limit off.
                biased;
                () = tokio::time::sleep_until(self.deadline().into()), if !self.is_stopping() => {
                    self.catch_up(&mut channel, &mut running).await?;
                    if Instant::now() >= self.deadline() {
                        self.stop_overdue(&running);
                    }
                }
                // One that has served another batch was started under that batch's order to stop.
                () = self.context.stop.cancelled(), if !is_told_to_stop => {
                    running.stop();
                    is_told_to_stop = true;
                }
                bytes = read_from(&mut channel) => {
                    let said = self.feed.channel(&bytes?);
                    self.take(said).await?;
                }
                chunk = running.output.recv() => match chunk {
                    Some(chunk) => self.take_output(chunk).await?,
                    None => break,
                },
            }
        }
        if self.is_done {
            return self.leave(running, channel).await;
        }
        let exit = running.ended().await.exit;
        if exit == Exit::Cancelled && self.context.stop.is_cancelled() {
            return Err(RunnerFailure::cancelled());
        }
        if matches!(exit, Exit::Signal(_)) && self.context.lifeline.as_ref().is_some_and(Lifeline::has_ended) {
            // Its keeper did it: no test is to blame.
            return Err(RunnerFailure::fenced());
        }
        if let Some(channel) = &mut channel {
            channel.close();
        }
        self.drain(&mut channel, DRAIN_SILENCE_MAX).await?;
        let said = self.feed.end(exit);
        self.take(said).await?;
        let Self { timed_out, is_stalled, start_cost, tail, held, .. } = self;
        Ok(SessionEnd { exit, idle: None, timed_out, is_stalled, start_cost, tail, held })
    }

    /// Leaves the process to its next batch.
    async fn leave(mut self, mut running: Running, channel: Option<Channel>) -> Result<SessionEnd, RunnerFailure> {
        for _ in 0..=CHUNKS_WAITING_MAX {
            let Ok(chunk) = running.output.try_recv() else { break };
            self.take_output(chunk).await?;
        }
        let Self { feed, timed_out, is_stalled, start_cost, tail, held, .. } = self;
        let idle = Some(Idle { running, channel, feed });
        Ok(SessionEnd { exit: Exit::Status(0), idle, timed_out, is_stalled, start_cost, tail, held })
    }

    /// Takes what is left in the process's own pipe, until it ends or has been silent for `silence`.
    async fn drain(&mut self, channel: &mut Option<Channel>, silence: Duration) -> Result<(), RunnerFailure> {
        let Some(channel) = channel else { return Ok(()) };
        loop {
            let bytes = channel.read_waiting(silence).await.map_err(|error| broken_channel(&error))?;
            if bytes.is_empty() {
                return Ok(());
            }
            let said = self.feed.channel(&bytes);
            self.take(said).await?;
        }
    }

    /// Takes what has been said and not been heard yet, so that nothing is found overdue because this was slow to listen.
    async fn catch_up(&mut self, channel: &mut Option<Channel>, running: &mut Running) -> Result<(), RunnerFailure> {
        self.drain(channel, CATCH_UP_SILENCE).await?;
        // As many as can have been waiting: one that writes without end is not followed for ever.
        for _ in 0..=CHUNKS_WAITING_MAX {
            let Ok(chunk) = running.output.try_recv() else { break };
            self.take_output(chunk).await?;
        }
        Ok(())
    }

    async fn take_output(&mut self, chunk: Chunk) -> Result<(), RunnerFailure> {
        let said = self.feed.output(&chunk);
        if self.feed.is_for_log(chunk.stream) {
            self.tail.push(&chunk.bytes);
            self.context.log.write(chunk.bytes).await;
        }
        self.take(said).await
    }

    async fn take(&mut self, said: Vec<Said>) -> Result<(), RunnerFailure> {
        for one in said {
            self.last_news = Instant::now();
            match one {
                Said::Started(name) if !self.is_stopping() => {
                    self.progress.started(&name).await?;
                    self.start_cost.get_or_insert_with(|| self.started.elapsed());
                    self.tail.clear();
                }
                // What a runner says of a test while it is being stopped because of that test is about the stopping.
                Said::Finished(name, _) if self.is_timed_out(&name) => {}
                Said::Started(_) => {}
                Said::Finished(name, verdict) => self.finished(&name, verdict).await?,
                Said::PutOff(name) => self.progress.put_off(&name),
                Said::Outside { message, output } => self.outside(&message, output),
                Said::Done => self.is_done = !self.is_stopping(),
                Said::Trouble(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    async fn finished(&mut self, name: &str, verdict: Verdict) -> Result<(), RunnerFailure> {
        let position = self.progress.position(name);
        let is_last = position.is_some_and(|position| self.left.remove(&position)) && self.left.is_empty();
        match position {
            Some(position) if is_last => {
                self.held = Some((position, self.progress.pause(position, verdict)));
                Ok(())
            }
            _ => {
                let is_of_held = self.held.as_ref().is_some_and(|(held, _)| Some(*held) == position);
                if is_of_held && let Some((position, held)) = self.held.take() {
                    self.progress.settle(position, held).await?;
                }
                self.progress.finished(name, verdict).await
            }
        }
    }

    /// Nobody else would tell of it. Where the last test has no verdict yet, that is missed, and said, anyway.
    fn outside(&mut self, message: &str, output: Vec<u8>) {
        if let Some((_, verdict)) = &mut self.held {
            let before = std::mem::take(&mut verdict.message);
            verdict.message = format!("{before}\noutside of the tests: {message}").trim().to_owned();
            verdict.outcome = TryOutcome::Failed;
            verdict.output.extend(output);
        }
    }

    fn is_timed_out(&self, name: &str) -> bool {
        self.timed_out.is_some() && self.progress.position(name) == self.timed_out
    }

    const fn is_stopping(&self) -> bool {
        self.timed_out.is_some() || self.is_stalled
    }

    fn deadline(&self) -> Instant {
        match self.progress.current() {
            Some(current) => current.since + self.context.test_timeout,
            None => self.last_news + self.context.test_timeout.max(SILENCE_MAX),
        }
    }

    fn stop_overdue(&mut self, running: &Running) {
        self.timed_out = self.progress.current().map(|current| current.position);
        self.is_stalled = self.timed_out.is_none();
        running.stop();
    }
}

async fn read_from(channel: &mut Option<Channel>) -> Result<BytesMut, RunnerFailure> {
    match channel {
        Some(channel) => channel.read().await.map_err(|error| broken_channel(&error)),
        None => std::future::pending().await,
    }
}

fn broken_channel(error: &std::io::Error) -> RunnerFailure {
    let message = format!("cannot read the pipe by which the runner reports: {error}");
    RunnerFailure::infrastructure(muster_common::error_code::ReasonCode::ResultsBroken, message)
}

/// How long a pipe is listened to before it is taken for empty.
const CATCH_UP_SILENCE: Duration = Duration::from_millis(10);
/// How long a runner may say nothing of any test while none is running: it loads or compiles.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);
