//! How a store moves to its next generation while commits go on.

use std::path::PathBuf;
use std::thread::JoinHandle;

use super::base::BaseWriter;
use super::engine::{Engine, Fault};
use super::file;
use super::journal;

/// How far the next generation is.
#[derive(Default)]
pub(super) enum Succession {
    /// It is not begun.
    #[default]
    Idle,
    /// Its journal is being made.
    Preparing(Task<Result<Engine, Fault>>),
    /// Commits go to its journal; its base is being written.
    Writing(BaseWriter),
}

/// Something that a thread does beside the commits. Dropping it waits for its end.
pub(super) struct Task<T>(Option<JoinHandle<T>>);

impl<T: Send + 'static> Task<T> {
    /// Starts it.
    pub(super) fn start(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<Self, Fault> {
        Ok(Self(Some(std::thread::Builder::new().name(name.to_owned()).spawn(work)?)))
    }

    /// Whether it has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for its end; none if it broke down.
    pub(super) fn finish(mut self) -> Option<T> {
        self.0.take().and_then(|thread| thread.join().ok())
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

/// Begins to make the next journal.
pub(super) fn prepare(dir: PathBuf, cache_bytes: u64) -> Result<Task<Result<Engine, Fault>>, Fault> {
    Task::start("muster-journal", move || {
        // What was cut short takes up room for nothing.
        journal::create(&dir, cache_bytes).inspect_err(|_| drop(file::remove_directory(&dir)))
    })
}
