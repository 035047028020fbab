//! `muster.v1.TestService`.

use muster_common::id::RunId;
use muster_proto::v1;
use muster_proto::v1::test_service_server::TestService;
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::convert;
use super::page;
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
}

const PAGE_DEFAULT: usize = 1_000;
const PAGE_MAX: usize = 10_000;
/// Bytes of tests after which a page ends, so that it fits into a message.
const PAGE_BYTES_AIM: usize = 2 << 20;
