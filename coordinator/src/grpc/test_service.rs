//! `muster.v1.TestService`.

use muster_common::id::RunId;
use muster_common::time::Wall;
use muster_proto::v1;
use muster_proto::v1::test_service_server::TestService;
use muster_scheduler::{Answer, Input, TestName};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::status::{from_no_answer, invalid, unexpected};
use super::tests_of_run::Readers;
use super::{convert, page, wish};

/// Tests and their verdicts.
#[derive(Clone, Debug)]
pub(super) struct Tests {
    pub(super) readers: Readers,
}

#[tonic::async_trait]
impl TestService for Tests {
    async fn list_run_tests(
        &self,
        request: Request<v1::ListRunTestsRequest>,
    ) -> Result<Response<v1::ListRunTestsResponse>, Status> {
        let request = request.into_inner();
        let from = page::place(&request.page_token)?;
        let limit = page::size(request.page_size, PAGE_DEFAULT, PAGE_MAX);
        let found = self.readers.tests(RunId(request.run), from, limit).await?;
        let mut tests = Vec::with_capacity(found.tests.len());
        let mut bytes = 0;
        for test in &found.tests {
            let message = convert::run_test(test);
            bytes += message.encoded_len();
            if bytes > PAGE_BYTES_AIM && !tests.is_empty() {
                let next_page_token = page::place_token(Some((test.job.job.0, test.test.0)));
                return Ok(Response::new(v1::ListRunTestsResponse { tests, next_page_token }));
            }
            tests.push(message);
        }
        Ok(Response::new(v1::ListRunTestsResponse { tests, next_page_token: page::place_token(found.next) }))
    }

    async fn list_tests(
        &self,
        request: Request<v1::ListTestsRequest>,
    ) -> Result<Response<v1::ListTestsResponse>, Status> {
        let v1::ListTestsRequest { project, page_size, page_token, name } = request.into_inner();
        let from = page::place(&page_token)?;
        let limit = page::size(page_size, PAGE_DEFAULT, REMEMBERED_PAGE_MAX);
        let name = (!name.is_empty()).then_some(name);
        let question = |ask| Input::ListTests { ask, project, name, from, limit };
        match self.readers.handle.ask(question).await.map_err(from_no_answer)? {
            Answer::KnownTests { tests, next } => {
                let tests = tests.into_iter().map(convert::known_test).collect();
                Ok(Response::new(v1::ListTestsResponse { tests, next_page_token: page::place_token(next) }))
            }
            answer => Err(unexpected(&answer)),
        }
    }

    async fn quarantine_test(
        &self,
        request: Request<v1::QuarantineTestRequest>,
    ) -> Result<Response<v1::QuarantineTestResponse>, Status> {
        let v1::QuarantineTestRequest { project, job, name, owner, reason, until_unix_ms } = request.into_inner();
        for (field, text) in [("owner", &owner), ("reason", &reason)] {
            if text.len() > NOTE_BYTES_MAX {
                return Err(invalid(
                    field,
                    format!("it has {} bytes, at most {NOTE_BYTES_MAX} are allowed", text.len()),
                ));
            }
        }
        let until = Wall { unix_ms: until_unix_ms };
        let test = test_name(project, job, name);
        wish::fulfil(&self.readers.handle, |ask| Input::QuarantineTest { ask, test, owner, reason, until }).await?;
        Ok(Response::new(v1::QuarantineTestResponse {}))
    }

    async fn release_test(
        &self,
        request: Request<v1::ReleaseTestRequest>,
    ) -> Result<Response<v1::ReleaseTestResponse>, Status> {
        let v1::ReleaseTestRequest { project, job, name } = request.into_inner();
        let test = test_name(project, job, name);
        wish::fulfil(&self.readers.handle, |ask| Input::ReleaseTest { ask, test }).await?;
        Ok(Response::new(v1::ReleaseTestResponse {}))
    }
}

fn test_name(project: String, job: String, name: String) -> TestName {
    TestName { project, job: (!job.is_empty()).then_some(job), name }
}

const PAGE_DEFAULT: usize = 1_000;
const PAGE_MAX: usize = 10_000;
/// Of remembered tests, which have long names at the worst.
const REMEMBERED_PAGE_MAX: usize = 1_000;
/// Bytes of the owner or the reason of a quarantine.
const NOTE_BYTES_MAX: usize = 1_024;
/// Bytes of tests after which a page ends, so that it fits into a message.
const PAGE_BYTES_AIM: usize = 2 << 20;
