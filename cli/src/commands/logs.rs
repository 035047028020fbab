//! `muster logs`: what a run's jobs wrote.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use muster_common::id::RunId;
use muster_proto::v1;

use crate::arguments::Place;
use crate::client::{Backoff, Client};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, is_unreachable};
use crate::fleet::Fleet;
use crate::interrupt::Interrupt;

/// Print what a run's jobs wrote
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Number of the run
    #[arg(value_name = "RUN")]
    number: RunId,
    /// Only this job's, by its name or its number
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    /// Go on until the run, or the job, has ended
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    place: Place,
}

impl Logs {
    /// Prints them as they were written, each attempt's under a heading.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let interrupt = Interrupt::listen().map_err(|error| Failure::infrastructure("no signals").because(error))?;
        let fleet = Fleet::to_read(&self.place).await?;
        let outcome = tokio::select! {
            outcome = self.read(fleet.client()) => outcome,
            () = interrupt.wait() => Ok(ExitCode::Cancelled),
        };
        fleet.shut_down().await;
        outcome
    }

    async fn read(&self, client: &Client) -> Result<ExitCode, Failure> {
        let run = client.run(self.number.0).await?;
        let job = self.job.as_deref().map(|name| find(&run, name)).transpose()?;
        let request = v1::ReadLogRequest { run: self.number.0, job, follow: self.follow };
        let mut printer = Printer::new(&run, io::stdout());
        let mut backoff = Backoff::new(PATIENCE);
        loop {
            let broken = match client.log(request).await {
                Ok(mut chunks) => loop {
                    match chunks.message().await {
                        Ok(Some(chunk)) => {
                            backoff = Backoff::new(PATIENCE);
                            if printer.print(&chunk).is_err() {
                                return Ok(ExitCode::Passed);
                            }
                        }
                        Ok(None) => {
                            // A reader that has left wants nothing more.
                            let _ = printer.end();
                            return Ok(ExitCode::Passed);
                        }
                        Err(status) => break status,
                    }
                },
                Err(status) => status,
            };
            if !is_unreachable(&broken) || !backoff.wait().await {
                return Err(client.failure(&format!("cannot read the log of run {}", self.number), &broken));
            }
        }
    }
}

fn find(run: &v1::Run, name: &str) -> Result<u32, Failure> {
    let by_name = run.jobs.iter().find(|job| job.name == name);
    let by_number = || run.jobs.iter().find(|job| name.parse() == Ok(job.job));
    by_name.or_else(by_number).map(|job| job.job).ok_or_else(|| {
        let names: Vec<&str> = run.jobs.iter().map(|job| job.name.as_str()).collect();
        Failure::usage(format!("run {} has no job `{name}`", run.run))
            .advise(format!("its jobs are: {}", names.join(", ")))
    })
}

/// Writes chunks once each, however often the stream begins anew, and lines whole, whatever comes between their parts.
struct Printer<W> {
    names: BTreeMap<u32, String>,
    attempts: BTreeMap<Attempt, Printed>,
    last: Option<Attempt>,
    out: W,
}

/// Job and fencing token.
type Attempt = (u32, u64, u64);

#[derive(Default)]
struct Printed {
    stream: String,
    /// Bytes that have come.
    bytes: u64,
    /// The beginning of a line of which the rest is to come.
    line: Vec<u8>,
}

impl<W: Write> Printer<W> {
    fn new(run: &v1::Run, out: W) -> Self {
        let names = run.jobs.iter().map(|job| (job.job, job.name.clone())).collect();
        Self { names, attempts: BTreeMap::new(), last: None, out }
    }

    fn print(&mut self, chunk: &v1::ReadLogResponse) -> io::Result<()> {
        let token = chunk.token.unwrap_or_default();
        let attempt = (chunk.job, token.epoch, token.counter);
        let printed = self.attempts.entry(attempt).or_default();
        let known = usize::try_from(printed.bytes.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
        let Some(new) = chunk.data.get(known..).filter(|new| !new.is_empty()) else { return Ok(()) };
        printed.bytes = chunk.offset + chunk.data.len() as u64;
        printed.stream.clone_from(&chunk.stream);
        printed.line.extend_from_slice(new);
        let whole = printed.line.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let ready = if whole == 0 && printed.line.len() >= LINE_BYTES_HELD { printed.line.len() } else { whole };
        let rest = printed.line.split_off(ready);
        let lines = std::mem::replace(&mut printed.line, rest);
        self.write(attempt, &lines)
    }

    /// Writes the last lines, which do not end as lines do.
    fn end(&mut self) -> io::Result<()> {
        let open: Vec<_> =
            self.attempts.iter_mut().map(|(attempt, printed)| (*attempt, std::mem::take(&mut printed.line))).collect();
        for (attempt, mut line) in open.into_iter().filter(|(_, line)| !line.is_empty()) {
            line.push(b'\n');
            self.write(attempt, &line)?;
        }
        Ok(())
    }

    fn write(&mut self, attempt: Attempt, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.last.replace(attempt) != Some(attempt) {
            let name = self.names.get(&attempt.0).map_or("?", String::as_str);
            let stream = self.attempts.get(&attempt).map_or("", |printed| printed.stream.as_str());
            writeln!(self.out, "--- {name}: {stream}")?;
        }
        self.out.write_all(lines)?;
        self.out.flush()
    }
}

/// A line that is longer is not waited for.
const LINE_BYTES_HELD: usize = 64 << 10;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{job, report};

    fn chunk(counter: u64, offset: u64, data: &'static [u8]) -> v1::ReadLogResponse {
        v1::ReadLogResponse {
            job: 0,
            token: Some(v1::FencingToken { epoch: 1, counter }),
            stream: format!("shard-{counter}"),
            offset,
            data: data.into(),
        }
    }

    #[test]
    fn chunks_that_come_again_are_written_once() -> io::Result<()> {
        let run = report(v1::Outcome::Passed, vec![job(0, "unit", v1::JobKind::Tests)], vec![]).run;
        let mut printer = Printer::new(&run, Vec::new());
        for chunk in
            [chunk(1, 0, b"ab"), chunk(1, 0, b"ab"), chunk(1, 1, b"bc"), chunk(1, 3, b"d\n"), chunk(2, 0, b"x\n")]
        {
            printer.print(&chunk)?;
        }
        assert_eq!(String::from_utf8_lossy(&printer.out), "--- unit: shard-1\nabcd\n--- unit: shard-2\nx\n");
        Ok(())
    }

    #[test]
    fn lines_stay_whole_whatever_comes_between_their_parts() -> io::Result<()> {
        let run = report(v1::Outcome::Passed, vec![job(0, "unit", v1::JobKind::Tests)], vec![]).run;
        let mut printer = Printer::new(&run, Vec::new());
        for chunk in [chunk(1, 0, b"one\nt"), chunk(2, 0, b"x\ny"), chunk(1, 5, b"wo\nthree")] {
            printer.print(&chunk)?;
        }
        printer.end()?;
        assert_eq!(
            String::from_utf8_lossy(&printer.out),
            "--- unit: shard-1\none\n--- unit: shard-2\nx\n--- unit: shard-1\ntwo\nthree\n--- unit: shard-2\ny\n"
        );
        Ok(())
    }

    #[test]
    fn a_job_is_found_by_name_and_by_number() {
        let run = report(v1::Outcome::Passed, vec![job(3, "unit (linux)", v1::JobKind::Tests)], vec![]).run;
        assert_eq!((find(&run, "unit (linux)").ok(), find(&run, "3").ok()), (Some(3), Some(3)));
        assert!(find(&run, "lint").is_err_and(|failure| failure.to_string().contains("unit (linux)")));
    }
}
