//! A command whose whole standard output is wanted, such as a list.

use bytes::Bytes;

use super::context::RunnerContext;
use super::excerpt::Tail;
use super::failure::RunnerFailure;
use crate::attempt::exit::Exit;
use crate::attempt::process::{Command, Stream, Streams};
use muster_common::error_code::ReasonCode;

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) exit: Exit,
    /// All of its standard output.
    pub(crate) stdout: Vec<u8>,
    /// The end of its standard error.
    pub(crate) tail: Tail,
}

/// Runs `command` and collects its standard output; its standard error goes to the log.
pub(crate) async fn collect(
    context: &RunnerContext,
    mut command: Command,
    hint: &str,
) -> Result<Collected, RunnerFailure> {
    command.streams = Streams::Separate;
    let mut running = command.start(&context.stop).await.map_err(|error| RunnerFailure::start(&error, hint))?;
    let mut stdout = Vec::new();
    let mut tail = Tail::default();
    while let Some(chunk) = running.output.recv().await {
        match chunk.stream {
            Stream::Stdout if stdout.len() + chunk.bytes.len() > STDOUT_BYTES_MAX => {
                let message = format!("the runner's answer is longer than {STDOUT_BYTES_MAX} bytes");
                return Err(RunnerFailure::user(ReasonCode::LimitExceeded, message));
            }
            Stream::Stdout => stdout.extend_from_slice(&chunk.bytes),
            Stream::Stderr => {
                tail.push(&chunk.bytes);
                context.log.write(chunk.bytes).await;
            }
        }
    }
    let exit = running.ended().await.exit;
    if exit == Exit::Cancelled {
        return Err(RunnerFailure::cancelled());
    }
    Ok(Collected { exit, stdout, tail })
}

/// Runs `command` with all of its output going to the log, and returns how it ended and its last words.
pub(crate) async fn log_through(
    context: &RunnerContext,
    command: Command,
    hint: &str,
) -> Result<(Exit, Tail), RunnerFailure> {
    let mut running = command.start(&context.stop).await.map_err(|error| RunnerFailure::start(&error, hint))?;
    let mut tail = Tail::default();
    while let Some(chunk) = running.output.recv().await {
        tail.push(&chunk.bytes);
        let bytes: Bytes = chunk.bytes;
        context.log.write(bytes).await;
    }
    match running.ended().await.exit {
        Exit::Cancelled => Err(RunnerFailure::cancelled()),
        exit => Ok((exit, tail)),
    }
}

const STDOUT_BYTES_MAX: usize = 512 << 20;
