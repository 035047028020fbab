//! `muster.v1.RunService`.

use std::sync::Arc;

use futures::stream::BoxStream;
use muster_common::digest::Digest;
use muster_common::id::{JobIndex, RunId};
use muster_common::limits::REQUEST_ID_BYTES_MAX;
use muster_common::spec::RunSpec;
use muster_common::spec_check;
use muster_proto::v1;
use muster_proto::v1::run_service_server::RunService;
use muster_scheduler::{Answer, Input, Refusal};
use muster_service::shutdown::Shutdown;
use muster_service::wire::spec;
use tonic::{Code, Request, Response, Status};

use super::status::{from_no_answer, from_refusal, from_spec, from_wire, invalid, refused, unexpected};
use super::tests_of_run::Readers;
use super::{convert, log_reading, page, watching};
use crate::blobs::DiskBlobs;
use crate::logs::{Logs, Unended};

/// Runs: submit, watch, cancel, read.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    pub(super) readers: Readers,
    pub(super) blobs: DiskBlobs,
    pub(super) logs: Arc<Logs>,
    pub(super) unended: Arc<Unended>,
    pub(super) shutdown: Shutdown,
}

#[tonic::async_trait]
impl RunService for Runs {
    async fn submit_run(
        &self,
        request: Request<v1::SubmitRunRequest>,
    ) -> Result<Response<v1::SubmitRunResponse>, Status> {
        let v1::SubmitRunRequest { spec, request_id } = request.into_inner();
        check_request_id(&request_id)?;
        let spec = spec.ok_or_else(|| invalid("spec", "is missing"))?;
        let spec = spec::from_proto(spec).map_err(|error| from_wire(&error))?;
        spec_check::check(&spec).map_err(|errors| from_spec(&errors))?;
        self.check_workspace(&spec).await?;
        let spec = Box::new(spec);
        let handle = &self.readers.handle;
        match handle.ask(|ask| Input::SubmitRun { ask, spec, request_id }).await.map_err(from_no_answer)? {
            Answer::Submitted { run, is_duplicate } => {
                Ok(Response::new(v1::SubmitRunResponse { run: run.0, is_duplicate }))
            }
            answer => Err(unexpected(&answer)),
        }
    }

    async fn get_run(&self, request: Request<v1::GetRunRequest>) -> Result<Response<v1::GetRunResponse>, Status> {
        let run = RunId(request.into_inner().run);
        let answer = self.readers.handle.ask(|ask| Input::GetRun { ask, run }).await.map_err(from_no_answer)?;
        let mut run = match answer {
            Answer::Run(summary) => convert::run(&summary),
            Answer::Refused(refusal @ Refusal::RunUnknown { .. }) => {
                let row = self.readers.history.get(run).ok_or_else(|| from_refusal(&refusal))?;
                convert::run(&row.summary)
            }
            answer => return Err(unexpected(&answer)),
        };
        self.mark_restored(&mut run);
        Ok(Response::new(v1::GetRunResponse { run: Some(run) }))
    }

    async fn get_run_spec(
        &self,
        request: Request<v1::GetRunSpecRequest>,
    ) -> Result<Response<v1::GetRunSpecResponse>, Status> {
        let run = RunId(request.into_inner().run);
        let spec = self.readers.spec(run).await?;
        Ok(Response::new(v1::GetRunSpecResponse { spec: Some(spec::to_proto(&spec)) }))
    }

    async fn list_runs(&self, request: Request<v1::ListRunsRequest>) -> Result<Response<v1::ListRunsResponse>, Status> {
        let request = request.into_inner();
        let limit = page::size(request.page_size, RUNS_DEFAULT, RUNS_MAX);
        let before = RunId(page::token(&request.page_token)?.unwrap_or(u64::MAX));
        let answer = self.readers.handle.ask(|ask| Input::ListRuns { ask }).await.map_err(from_no_answer)?;
        let Answer::Runs(open) = answer else { return Err(unexpected(&answer)) };
        let is_wanted = |project: &str| request.project.is_empty() || request.project == project;
        let mut runs: Vec<v1::Run> = open
            .iter()
            .filter(|summary| summary.run < before && is_wanted(&summary.project))
            .map(convert::run)
            .collect();
        let retired = self.readers.history.newest_before(before, &request.project, limit + 1);
        runs.extend(retired.iter().map(|row| convert::run(&row.summary)));
        runs.sort_by_key(|run| std::cmp::Reverse(run.run));
        // A run that was retired between the two questions is in both answers.
        runs.dedup_by_key(|run| run.run);
        let is_last = runs.len() <= limit;
        runs.truncate(limit);
        for run in &mut runs {
            self.mark_restored(run);
            run.jobs.clear();
        }
        let next_page_token = match runs.last() {
            Some(run) if !is_last => run.run.to_string(),
            Some(_) | None => String::new(),
        };
        Ok(Response::new(v1::ListRunsResponse { runs, next_page_token }))
    }

    async fn cancel_run(
        &self,
        request: Request<v1::CancelRunRequest>,
    ) -> Result<Response<v1::CancelRunResponse>, Status> {
        let run = RunId(request.into_inner().run);
        let answer = self.readers.handle.ask(|ask| Input::CancelRun { ask, run }).await.map_err(from_no_answer)?;
        let had_ended = match answer {
            Answer::Cancelled { had_ended } => had_ended,
            Answer::Refused(Refusal::RunUnknown { .. }) if self.readers.history.get(run).is_some() => true,
            answer => return Err(unexpected(&answer)),
        };
        Ok(Response::new(v1::CancelRunResponse { had_ended }))
    }

    type WatchRunStream = BoxStream<'static, Result<v1::WatchRunResponse, Status>>;

    async fn watch_run(&self, request: Request<v1::WatchRunRequest>) -> Result<Response<Self::WatchRunStream>, Status> {
        let run = RunId(request.into_inner().run);
        watching::watch(self.readers.clone(), run).await.map(Response::new)
    }

    type ReadLogStream = BoxStream<'static, Result<v1::ReadLogResponse, Status>>;

    async fn read_log(&self, request: Request<v1::ReadLogRequest>) -> Result<Response<Self::ReadLogStream>, Status> {
        let request = request.into_inner();
        let wanted = log_reading::Wanted {
            run: RunId(request.run),
            job: request.job.map(JobIndex),
            is_followed: request.follow,
        };
        let source = log_reading::Source {
            readers: self.readers.clone(),
            logs: Arc::clone(&self.logs),
            unended: Arc::clone(&self.unended),
        };
        log_reading::read(source, wanted, self.shutdown.clone()).await.map(Response::new)
    }
}

impl Runs {
    fn mark_restored(&self, run: &mut v1::Run) {
        run.restored_unix_ms = self.readers.history.restored(RunId(run.run)).map(|at| at.unix_ms);
    }

    /// A run whose workspace is not there could never begin.
    async fn check_workspace(&self, spec: &RunSpec) -> Result<(), Status> {
        let Some(root) = spec.workspace else { return Ok(()) };
        let is_stored = self.blobs.contains(root).await;
        if is_stored? {
            return Ok(());
        }
        Err(workspace_missing(&root))
    }
}

fn workspace_missing(root: &Digest) -> Status {
    let message = format!("the workspace {root} is not stored here; upload it, then submit again");
    refused(Code::FailedPrecondition, "WORKSPACE_MISSING", message)
}

fn check_request_id(request_id: &str) -> Result<(), Status> {
    if request_id.is_empty() {
        return Err(invalid("request_id", "is missing; choose one, such as a UUID, and keep it when you try again"));
    }
    if request_id.len() > REQUEST_ID_BYTES_MAX {
        return Err(invalid("request_id", format!("is longer than {REQUEST_ID_BYTES_MAX} bytes")));
    }
    Ok(())
}

const RUNS_DEFAULT: usize = 50;
const RUNS_MAX: usize = 1_000;
