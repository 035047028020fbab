//! [`Fleet`]: the coordinator that a command speaks to, wherever it runs.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use muster_common::requirement::{Labels, all_hold};
use muster_common::spec::RunSpec;
use muster_proto::v1;
use muster_service::endpoint::Endpoint;

use crate::arguments::{Agents, Place};
use crate::client::Client;
use crate::data_directory::DataDirectory;
use crate::failure::Failure;
use crate::local::Local;
use crate::output::Preparation;
use crate::watching::Watching;

/// A coordinator on the other end of a gRPC connection: another machine's, or the one inside this process.
/// To be shut down before it is dropped.
pub(crate) struct Fleet {
    client: Client,
    local: Option<Local>,
    more: String,
}

/// What a run needs of a fleet.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Which coordinator.
    pub(crate) place: &'a Place,
    /// The folder that is run; absolute, without links.
    pub(crate) project: &'a Path,
    /// The agents, if they are inside this process.
    pub(crate) agents: &'a Agents,
}

impl Fleet {
    /// The coordinator that `place` names; none if it names none.
    pub(crate) async fn remote(place: &Place) -> Result<Option<Self>, Failure> {
        let Some(url) = place.coordinator_url() else { return Ok(None) };
        let endpoint: Endpoint =
            url.parse().map_err(|error| Failure::usage("the coordinator's address cannot be used").because(error))?;
        endpoint
            .check_plaintext(place.insecure)
            .map_err(|error| Failure::usage("the coordinator's address cannot be used").because(error))?;
        let is_from_environment = std::env::var("MUSTER_COORDINATOR").is_ok_and(|set| set == url);
        let more = if is_from_environment { String::new() } else { format!(" --coordinator {endpoint}") };
        Ok(Some(Self { client: Client::connect(endpoint).await?, local: None, more }))
    }

    /// The coordinator that `place` names, or else one inside this process, without agents, on what it has kept of the
    /// project in the current folder.
    pub(crate) async fn to_read(place: &Place) -> Result<Self, Failure> {
        if let Some(remote) = Self::remote(place).await? {
            return Ok(remote);
        }
        Self::local(place, &current_folder()?).await
    }

    /// The coordinator that is named, or else one inside this process, with agents.
    pub(crate) async fn to_run(wanted: Wanted<'_>, watching: &mut Watching) -> Result<Self, Failure> {
        if let Some(remote) = Self::remote(wanted.place).await? {
            return Ok(remote);
        }
        let count = wanted.agents.agents.unwrap_or_else(cores);
        watching.reporter.preparing(&Preparation::StartingAgents { agents: count });
        let labels: Labels = wanted.agents.labels.iter().cloned().collect();
        let mut fleet = Self::local(wanted.place, wanted.project).await?;
        if let Some(local) = &mut fleet.local {
            if let Err(failure) = local.start_agents(count, &labels, &fleet.client).await {
                fleet.shut_down().await;
                return Err(failure);
            }
            local.marks().for_each(|mark| watching.interrupt.takes_along(mark.clone()));
        }
        Ok(fleet)
    }

    /// The way to it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// What has to be added to a command for it to find the same coordinator.
    pub(crate) fn more(&self) -> &str {
        &self.more
    }

    /// What people call it.
    pub(crate) fn name(&self) -> String {
        match &self.local {
            Some(local) => format!("this machine ({})", local.path().display()),
            None => self.client.to_string(),
        }
    }

    /// Refuses what no agent inside this process will ever be able to run. On a fleet an agent may still come.
    pub(crate) async fn check(&self, spec: &RunSpec) -> Result<(), Failure> {
        if self.local.is_none() {
            return Ok(());
        }
        let agents = self.client.agents().await?;
        for job in &spec.jobs {
            if !agents.iter().any(|agent| all_hold(&job.requirements, &agent.labels)) {
                let wanted: Vec<&str> = job.requirements.iter().map(|label| label.0.as_str()).collect();
                let what = format!("no agent inside this process can run job `{}`", job.name);
                return Err(Failure::usage(format!("{what}: it asks for [{}]", wanted.join(", ")))
                    .advise(self.on_missing_agents()));
            }
        }
        Ok(())
    }

    /// What to do when no agent has what a job asks for.
    pub(crate) fn on_missing_agents(&self) -> String {
        match self.local {
            Some(_) => "--label KEY=VALUE gives the agents inside this process what `runs-on` asks for".to_owned(),
            None => format!(
                "`muster agents{}` shows who is there; `muster-agent --coordinator {} --label KEY=VALUE` starts one more",
                self.more, self.client
            ),
        }
    }

    /// A directory that no workspace may hold.
    pub(crate) fn data(&self) -> Option<PathBuf> {
        self.local.as_ref().map(|local| local.path().to_owned())
    }

    /// Ends what runs inside this process.
    pub(crate) async fn shut_down(self) {
        if let Some(local) = self.local {
            local.shut_down().await;
        }
    }

    async fn local(place: &Place, project: &Path) -> Result<Self, Failure> {
        let data = match &place.data {
            Some(path) => DataDirectory::given(path)?,
            None => DataDirectory::of_project(project)?,
        };
        let local = Local::start(data).await?;
        let more = local.data().more(project, &current_folder()?);
        let client = match Client::connect(local.endpoint()).await {
            Ok(client) => client,
            Err(failure) => {
                local.shut_down().await;
                return Err(failure);
            }
        };
        let fleet = Self { client, local: Some(local), more };
        match fleet.end_abandoned_runs().await {
            Ok(()) => Ok(fleet),
            Err(failure) => {
                fleet.shut_down().await;
                Err(failure)
            }
        }
    }

    /// Cancels what an earlier command left open when it was killed: nobody else uses this data, so nobody waits for it.
    async fn end_abandoned_runs(&self) -> Result<(), Failure> {
        let runs = self.client.runs(ABANDONED_RUNS_MAX, "").await?;
        for run in runs.iter().filter(|run| run.state() != v1::RunState::Finished && !run.is_cancel_requested) {
            tracing::warn!(run = run.run, "a run was left open when its command was killed; it is cancelled");
            self.client.cancel(run.run).await?;
        }
        Ok(())
    }
}

/// Where this command was started; absolute, without links.
pub(crate) fn current_folder() -> Result<PathBuf, Failure> {
    std::env::current_dir()
        .and_then(|folder| folder.canonicalize())
        .map_err(|error| Failure::usage("the current folder cannot be read").because(error))
}

fn cores() -> u32 {
    std::thread::available_parallelism().map(NonZero::get).ok().and_then(|cores| u32::try_from(cores).ok()).unwrap_or(1)
}

/// Newest runs that are looked through for such as were left open.
const ABANDONED_RUNS_MAX: usize = 1_000;
