//! `WatchRun`: the run as it stands, its verdicts so far, then what happens.

use futures::stream::{self, BoxStream};
use muster_common::id::RunId;
use muster_proto::v1;
use muster_proto::v1::watch_run_response::Event as Message;
use muster_scheduler::{Refusal, RunSummary};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::convert::{self, watched};
use super::status::{from_no_answer, from_refusal, from_watch_end};
use super::tests_of_run::Readers;
use crate::watchers::{Watched, Watching};

type Response = Result<v1::WatchRunResponse, Status>;

/// Begins to watch a run, open or retired.
pub(super) async fn watch(readers: Readers, run: RunId) -> Result<BoxStream<'static, Response>, Status> {
    let mut watching = readers.handle.watch(run).await.map_err(from_no_answer)?;
    let summary = match watching.next().await {
        Some(Ok(Watched::Snapshot(summary))) => summary,
        Some(Ok(Watched::Refused(refusal @ Refusal::RunUnknown { .. }))) => {
            let row = readers.history.get(run).ok_or_else(|| from_refusal(&refusal))?;
            Box::new(row.summary.clone())
        }
        Some(Ok(Watched::Refused(refusal))) => return Err(from_refusal(&refusal)),
        Some(Ok(Watched::Event(_))) | None => return Err(from_no_answer(crate::handle::NoAnswer::Lost)),
        Some(Err(end)) => return Err(from_watch_end(end)),
    };
    let (sender, receiver) = mpsc::channel(RESPONSES_WAITING_MAX);
    tokio::spawn(async move {
        if let Err(status) = tell(&readers, &summary, watching, &sender).await {
            // Whoever has left needs no reason.
            let _ = sender.send(Err(status)).await;
        }
    });
    Ok(stream::StreamExt::boxed(ReceiverStream::new(receiver)))
}

async fn tell(
    readers: &Readers,
    summary: &RunSummary,
    mut watching: Watching,
    sender: &mpsc::Sender<Response>,
) -> Result<(), Status> {
    let is_heard = |result: Result<(), mpsc::error::SendError<Response>>| result.is_ok();
    if !is_heard(sender.send(Ok(watched(Message::Snapshot(convert::run(summary))))).await) {
        return Ok(());
    }
    let mut from = Some((0, 0));
    while let Some(place) = from {
        let page = readers.tests(summary.run, place, PAGE).await?;
        for response in page.tests.iter().filter_map(convert::verdict_so_far) {
            if !is_heard(sender.send(Ok(response)).await) {
                return Ok(());
            }
        }
        from = page.next;
    }
    if !is_heard(sender.send(Ok(watched(Message::CaughtUp(v1::CaughtUp {})))).await) {
        return Ok(());
    }
    if summary.end.is_some() {
        let _ = sender.send(Ok(watched(Message::RunFinished(convert::run(summary))))).await;
        return Ok(());
    }
    loop {
        let next = tokio::select! {
            next = watching.next() => next,
            () = sender.closed() => return Ok(()),
        };
        match next {
            None => return Ok(()),
            Some(Err(end)) => return Err(from_watch_end(end)),
            Some(Ok(Watched::Event(event))) => {
                if !is_heard(sender.send(Ok(convert::event(&event))).await) {
                    return Ok(());
                }
            }
            Some(Ok(Watched::Snapshot(_) | Watched::Refused(_))) => {}
        }
    }
}

/// Responses that may wait for the network.
const RESPONSES_WAITING_MAX: usize = 256;
/// Tests asked for at one time while a watcher catches up.
const PAGE: usize = 2_000;
