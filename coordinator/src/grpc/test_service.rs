//! `muster.v1.TestService`.

use muster_common::id::RunId;
use muster_proto::v1;
use muster_proto::v1::test_service_server::TestService;
use muster_scheduler::{Answer, Input};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::convert;
use super::page;
use super::status::{from_no_answer, unexpected};
use super::tests_of_run::Readers;

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
}

const PAGE_DEFAULT: usize = 1_000;
const PAGE_MAX: usize = 10_000;
/// Of remembered tests, which have long names at the worst.
const REMEMBERED_PAGE_MAX: usize = 1_000;
/// Bytes of tests after which a page ends, so that it fits into a message.
const PAGE_BYTES_AIM: usize = 2 << 20;
