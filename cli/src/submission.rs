//! From a run's specification to its verdict: the one path of `muster test` and `muster run`, here and on a fleet.

use std::path::PathBuf;
use std::sync::Arc;

use muster_common::spec::RunSpec;
use muster_service::wire::spec::to_proto;
use muster_service::workspace::progress::Phase;
use muster_service::workspace::{Progress, ScanOptions, UploadedWorkspace, upload_workspace};
use tokio::sync::watch;

use crate::arguments::{Agents, Place, Show};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::fleet::{Fleet, Wanted};
use crate::follow::OnInterrupt;
use crate::output::{Preparation, Reporter};
use crate::project::Recognised;
use crate::watching::Watching;

/// What is to be run, and how the caller wants to see it.
pub(crate) struct Submission<'a> {
    /// The run, without its workspace.
    pub(crate) spec: RunSpec,
    /// The folder that every job begins with; absolute, without links.
    pub(crate) folder: PathBuf,
    /// Where.
    pub(crate) place: &'a Place,
    /// By whom.
    pub(crate) agents: &'a Agents,
    /// How it is shown.
    pub(crate) show: &'a Show,
    /// Whether to leave as soon as the run is accepted.
    pub(crate) is_detached: bool,
    /// The runner, where it was not named but found.
    pub(crate) runner: Option<Recognised>,
}

impl Submission<'_> {
    /// Runs it to its end, or hands it over.
    pub(crate) async fn run(self) -> Result<ExitCode, Failure> {
        let handover = Handover { place: self.place, is_detached: self.is_detached };
        handover.check()?;
        let mut watching = Watching::begin(self.show)?;
        watching.knows(&self.spec, &self.folder);
        if let Some(Recognised { runner, evidence, others }) = &self.runner {
            let (runner, evidence, others) = (runner.name(), evidence.clone(), others.clone());
            watching.reporter.preparing(&Preparation::Recognised { runner, evidence, others });
        }
        let wanted = Wanted { place: self.place, project: &self.folder, agents: self.agents };
        let fleet = Fleet::to_run(wanted, &mut watching).await?;
        watching.reporter.found(fleet.more());
        let outcome = self.on(&fleet, &handover, &mut watching).await;
        fleet.shut_down().await;
        outcome
    }

    async fn on(
        mut self,
        fleet: &Fleet,
        handover: &Handover<'_>,
        watching: &mut Watching,
    ) -> Result<ExitCode, Failure> {
        fleet.check(&self.spec).await?;
        let interrupt = watching.interrupt.clone();
        let uploaded = tokio::select! {
            uploaded = self.upload(fleet, watching.reporter.as_mut()) => uploaded?,
            () = interrupt.wait() => return Err(Failure::cancelled()),
        };
        self.spec.workspace = Some(uploaded.root);
        handover.submit(&self.spec, fleet, watching).await
    }

    async fn upload(&self, fleet: &Fleet, reporter: &mut dyn Reporter) -> Result<UploadedWorkspace, Failure> {
        let options = ScanOptions { left_out: fleet.data().into_iter().collect() };
        let (sender, mut progress) = watch::channel(None);
        let sink = Arc::new(move |progress: Progress| {
            sender.send_replace(Some(progress));
        });
        let upload = upload_workspace(fleet.client().blobs(), &self.folder, &options, sink);
        tokio::pin!(upload);
        let uploaded = loop {
            tokio::select! {
                uploaded = &mut upload => break uploaded,
                Ok(()) = progress.changed() => {
                    if let Some(progress) = *progress.borrow_and_update() {
                        reporter.preparing(&preparation(progress));
                    }
                }
            }
        };
        let uploaded = uploaded.map_err(|error| self.upload_failure(error))?;
        reporter.preparing(&Preparation::Uploaded {
            files: uploaded.files,
            total_bytes: uploaded.bytes,
            sent_bytes: uploaded.uploaded_bytes,
        });
        if !uploaded.left_out.is_empty() {
            reporter.warn(&format!(
                "left out of the workspace, because they are no files: {}",
                shortened(&uploaded.left_out)
            ));
        }
        Ok(uploaded)
    }

    fn upload_failure(&self, error: muster_service::workspace::WorkspaceError) -> Failure {
        use muster_service::workspace::WorkspaceError;
        let what = format!("cannot send the workspace {}", self.folder.display());
        match error {
            WorkspaceError::List(_) | WorkspaceError::Changing(_) => Failure::usage(what).because(error),
            WorkspaceError::Upload(_) => Failure::infrastructure(what).because(error),
        }
    }
}

/// How a run that is ready is handed over to a coordinator.
#[derive(Clone, Copy)]
pub(crate) struct Handover<'a> {
    /// Where.
    pub(crate) place: &'a Place,
    /// Whether to leave as soon as the run is accepted.
    pub(crate) is_detached: bool,
}

impl Handover<'_> {
    /// Refuses to leave a run behind that would end with this command.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_detached && self.place.coordinator_url().is_none() {
            return Err(Failure::usage("--detach needs a coordinator that goes on without this command")
                .advise("pass --coordinator URL"));
        }
        Ok(())
    }

    /// Submits the run and follows it to its end, or leaves.
    pub(crate) async fn submit(
        &self,
        spec: &RunSpec,
        fleet: &Fleet,
        watching: &mut Watching,
    ) -> Result<ExitCode, Failure> {
        let request_id = uuid::Uuid::new_v4().to_string();
        // Not given up when interrupted: the run may be accepted already, and then has to be cancelled.
        let run = fleet.client().submit(to_proto(spec), request_id).await.map_err(|refusal| {
            if refusal.is_unsatisfiable() { refusal.advise(fleet.on_missing_agents()) } else { refusal }
        })?;
        watching.reporter.submitted(run, &fleet.name());
        if self.is_detached {
            return Ok(ExitCode::Passed);
        }
        watching.finish(fleet.client(), run, OnInterrupt::CancelRun).await.map_err(Failure::after_submission)
    }
}

fn preparation(progress: Progress) -> Preparation {
    match progress.phase {
        Phase::Hash => Preparation::Scanning { files: progress.files },
        Phase::Upload => Preparation::Uploading { done_bytes: progress.bytes, total_bytes: progress.bytes_total },
    }
}

fn shortened(names: &[String]) -> String {
    let mut text = names.iter().take(NAMES_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_SHOWN_MAX {
        text.push_str(&format!(" and {} more", names.len() - NAMES_SHOWN_MAX));
    }
    text
}

const NAMES_SHOWN_MAX: usize = 5;
