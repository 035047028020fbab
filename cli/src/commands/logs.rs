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
                        Ok(None) => return Ok(ExitCode::Passed),
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

/// Writes chunks once each, however often the stream begins anew.
struct Printer<W> {
    names: BTreeMap<u32, String>,
    written: BTreeMap<(u64, u64), u64>,
    last: Option<(u64, u64)>,
    ends_line: bool,
    out: W,
}

impl<W: Write> Printer<W> {
    fn new(run: &v1::Run, out: W) -> Self {
        let names = run.jobs.iter().map(|job| (job.job, job.name.clone())).collect();
        Self { names, written: BTreeMap::new(), last: None, ends_line: true, out }
    }

    fn print(&mut self, chunk: &v1::ReadLogResponse) -> io::Result<()> {
        let token = chunk.token.unwrap_or_default();
        let attempt = (token.epoch, token.counter);
        let written = self.written.entry(attempt).or_default();
        let known = usize::try_from(written.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
        let Some(new) = chunk.data.get(known..).filter(|new| !new.is_empty()) else { return Ok(()) };
        *written = chunk.offset + chunk.data.len() as u64;
        if self.last != Some(attempt) {
            if !self.ends_line {
                writeln!(self.out)?;
            }
            let name = self.names.get(&chunk.job).map_or("?", String::as_str);
            writeln!(self.out, "--- {name}: {}", chunk.stream)?;
            self.last = Some(attempt);
        }
        self.out.write_all(new)?;
        self.ends_line = new.ends_with(b"\n");
        self.out.flush()
    }
}

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
            [chunk(1, 0, b"ab"), chunk(1, 0, b"ab"), chunk(1, 1, b"bc"), chunk(2, 0, b"x\n"), chunk(1, 3, b"d\n")]
        {
            printer.print(&chunk)?;
        }
        assert_eq!(
            String::from_utf8_lossy(&printer.out),
            "--- unit: shard-1\nabc\n--- unit: shard-2\nx\n--- unit: shard-1\nd\n"
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
