//! `muster.v1.AdminService`.

use futures::stream::BoxStream;
use muster_common::id::AgentName;
use muster_common::time::Wall;
use muster_proto::v1;
use muster_proto::v1::admin_service_server::AdminService;
use muster_scheduler::{Answer, Input};
use muster_service::version::VERSION;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::backing_up::BackingUp;
use super::status::{from_no_answer, unexpected};
use super::{convert, page, wish};
use crate::handle::Handle;
use muster_common::control::Stamp;

/// The fleet and the coordinator itself.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    pub(super) handle: Handle,
    pub(super) stamp: watch::Receiver<Stamp>,
    pub(super) started: Wall,
    pub(super) backups: BackingUp,
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn list_agents(
        &self,
        request: Request<v1::ListAgentsRequest>,
    ) -> Result<Response<v1::ListAgentsResponse>, Status> {
        let request = request.into_inner();
        let limit = page::size(request.page_size, PAGE_DEFAULT, PAGE_MAX);
        let answer = self.handle.ask(|ask| Input::ListAgents { ask }).await.map_err(from_no_answer)?;
        let Answer::Agents(all) = answer else { return Err(unexpected(&answer)) };
        let after = AgentName(request.page_token);
        let first = all.partition_point(|agent| agent.agent <= after && !after.0.is_empty());
        let agents: Vec<_> = all[first..].iter().take(limit).map(convert::agent).collect();
        let is_last = first + agents.len() == all.len();
        let next_page_token = match agents.last() {
            Some(agent) if !is_last => agent.name.clone(),
            Some(_) | None => String::new(),
        };
        Ok(Response::new(v1::ListAgentsResponse { agents, next_page_token }))
    }

    async fn drain_agent(
        &self,
        request: Request<v1::DrainAgentRequest>,
    ) -> Result<Response<v1::DrainAgentResponse>, Status> {
        let agent = AgentName(request.into_inner().agent);
        wish::fulfil(&self.handle, |ask| Input::DrainAgent { ask, agent }).await?;
        Ok(Response::new(v1::DrainAgentResponse {}))
    }

    async fn trust_agent(
        &self,
        request: Request<v1::TrustAgentRequest>,
    ) -> Result<Response<v1::TrustAgentResponse>, Status> {
        let agent = AgentName(request.into_inner().agent);
        wish::fulfil(&self.handle, |ask| Input::TrustAgent { ask, agent }).await?;
        Ok(Response::new(v1::TrustAgentResponse {}))
    }

    async fn get_coordinator(
        &self,
        _: Request<v1::GetCoordinatorRequest>,
    ) -> Result<Response<v1::GetCoordinatorResponse>, Status> {
        let answer = self.handle.ask(|ask| Input::Overview { ask }).await.map_err(from_no_answer)?;
        let Answer::Overview(overview) = answer else { return Err(unexpected(&answer)) };
        let stamp = *self.stamp.borrow();
        Ok(Response::new(v1::GetCoordinatorResponse {
            version: VERSION.to_owned(),
            store_id: format!("{:032x}", stamp.store_id),
            epoch: stamp.epoch.0,
            started_unix_ms: self.started.unix_ms,
            agents: overview.agents,
            slots: overview.slots,
            busy_slots: overview.busy_slots,
            open_runs: overview.open_runs,
            queued_jobs: overview.queued_jobs,
        }))
    }

    type BackupStream = BoxStream<'static, Result<v1::BackupResponse, Status>>;

    async fn backup(&self, _: Request<v1::BackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        self.backups.begin().map(Response::new)
    }
}

const PAGE_DEFAULT: usize = 1_000;
const PAGE_MAX: usize = 10_000;
