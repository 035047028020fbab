//! Wishes that have no other answer than that they were done.

use muster_scheduler::{Answer, Ask, Input};
use tonic::Status;

use super::status::{from_no_answer, unexpected};
use crate::handle::Handle;

/// Asks the scheduler for something and returns once it is done and stored.
pub(super) async fn fulfil(handle: &Handle, wish: impl FnOnce(Ask) -> Input) -> Result<(), Status> {
    match handle.ask(wish).await.map_err(from_no_answer)? {
        Answer::Done => Ok(()),
        answer => Err(unexpected(&answer)),
    }
}
