//! A coordinator and its agents inside this process. Commands speak to them by gRPC as to any other.

use std::path::Path;
use std::time::{Duration, Instant};

use muster_agent::attempt::leftovers::Mark;
use muster_common::requirement::Labels;
use muster_service::endpoint::Endpoint;
use tempfile::TempDir;

use crate::client::Client;
use crate::data_directory::DataDirectory;
use crate::failure::Failure;

/// Everything that runs inside this process on behalf of one command. To be shut down before it is dropped.
pub(crate) struct Local {
    coordinator: muster_coordinator::Coordinator,
    agents: Vec<muster_agent::Agent>,
    data: DataDirectory,
    socket: TempDir,
}

impl Local {
    /// Starts a coordinator on `data`, on a socket that only this user can reach.
    pub(crate) async fn start(data: DataDirectory) -> Result<Self, Failure> {
        let socket = tempfile::Builder::new().prefix("muster-").tempdir().map_err(|error| {
            Failure::infrastructure("cannot make a directory for a socket").because(error).advise("is TMPDIR writable?")
        })?;
        let options = muster_coordinator::Options::new(
            data.path().join("coordinator"),
            muster_coordinator::Listen::Unix(socket.path().join("muster.sock")),
        );
        let coordinator = muster_coordinator::start(options).await.map_err(|error| {
            Failure::infrastructure("cannot start the coordinator inside this process")
                .because(error)
                .advise(format!("its data is in {}; another place is --data DIR", data.path().display()))
        })?;
        Ok(Self { coordinator, agents: Vec::new(), data, socket })
    }

    /// Starts agents with one slot each, and waits until the coordinator knows them.
    pub(crate) async fn start_agents(&mut self, count: u32, labels: &Labels, client: &Client) -> Result<(), Failure> {
        let cache = self.data.path().join("cache");
        let builds = self.data.path().join("builds");
        for number in 1..=count {
            let name = format!("agent-{number}");
            let directory = self.data.path().join("agents").join(&name);
            let options = muster_agent::Options {
                cache_directory: Some(cache.clone()),
                builds_directory: Some(builds.clone()),
                labels: labels.clone(),
                ..muster_agent::Options::new(self.endpoint(), name.clone(), directory)
            };
            let agent = muster_agent::start(options)
                .await
                .map_err(|error| Failure::infrastructure(format!("cannot start {name}")).because(error))?;
            self.agents.push(agent);
        }
        let began = Instant::now();
        while client.agents().await?.len() < count as usize {
            if began.elapsed() > AGENTS_PATIENCE {
                return Err(Failure::infrastructure(format!("not all of {count} agents came up in time")));
            }
            tokio::time::sleep(AGENTS_PAUSE).await;
        }
        Ok(())
    }

    /// What the processes of its agents carry.
    pub(crate) fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.agents.iter().map(muster_agent::Agent::mark)
    }

    /// Where its coordinator listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.socket.path().join("muster.sock"))
    }

    /// Where its data is.
    pub(crate) fn data(&self) -> &DataDirectory {
        &self.data
    }

    /// Where all its data is that no workspace may hold.
    pub(crate) fn path(&self) -> &Path {
        self.data.path()
    }

    /// Ends all of it: first the agents with their processes, then the coordinator.
    pub(crate) async fn shut_down(self) {
        futures::future::join_all(self.agents.into_iter().map(muster_agent::Agent::shut_down)).await;
        if let Err(error) = self.coordinator.shut_down().await {
            tracing::error!(%error, "the coordinator inside this process did not end well");
        }
    }
}

const AGENTS_PATIENCE: Duration = Duration::from_secs(30);
const AGENTS_PAUSE: Duration = Duration::from_millis(10);
