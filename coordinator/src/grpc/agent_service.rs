//! `muster.v1.AgentService`.

use std::sync::Arc;

use futures::stream::BoxStream;
use muster_proto::v1;
use muster_proto::v1::agent_service_server::AgentService;
use muster_service::shutdown::Shutdown;
use tonic::{Request, Response, Status, Streaming};

use super::{log_append, session};
use crate::blobs::DiskBlobs;
use crate::handle::Handle;
use crate::history::History;
use crate::logs::{Logs, Unended};

/// The control stream, and the log beside it.
#[derive(Clone, Debug)]
pub(super) struct Agents {
    pub(super) handle: Handle,
    pub(super) blobs: DiskBlobs,
    pub(super) logs: Arc<Logs>,
    pub(super) unended: Arc<Unended>,
    pub(super) history: Arc<History>,
    pub(super) shutdown: Shutdown,
}

#[tonic::async_trait]
impl AgentService for Agents {
    type SessionStream = BoxStream<'static, Result<v1::SessionResponse, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (handle, blobs, unended) = (self.handle.clone(), self.blobs.clone(), Arc::clone(&self.unended));
        Ok(Response::new(session::serve(handle, blobs, unended, request.into_inner())))
    }

    type AppendLogStream = BoxStream<'static, Result<v1::AppendLogResponse, Status>>;

    async fn append_log(
        &self,
        request: Request<Streaming<v1::AppendLogRequest>>,
    ) -> Result<Response<Self::AppendLogStream>, Status> {
        let door = log_append::Door {
            handle: self.handle.clone(),
            logs: Arc::clone(&self.logs),
            history: Arc::clone(&self.history),
            shutdown: self.shutdown.clone(),
        };
        Ok(Response::new(log_append::serve(door, request.into_inner())))
    }
}
