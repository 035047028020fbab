//! Records processes that work on one directory, one after the other.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::call::Files;
use crate::disk::{Disk, Neglect};
use crate::event::{Event, Log, Name, NodeId, NodeKind, ROOT, Recording};
use crate::image::Mix;
use crate::tracer::{Ended, Tracer, Until};

/// Records what processes do to the files beneath a directory.
#[derive(Debug)]
pub struct Recorder {
    root: std::path::PathBuf,
    files: Files,
    log: Log,
    durable: usize,
}

impl Recorder {
    /// Begins with the directory as it is; all that is in it counts as durable.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(root: &Path) -> Result<Self> {
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        let log = Log::default();
        let mut files = Files::new(root.clone(), log.clone());
        take_over(&mut files, &log, &root, ROOT)?;
        let durable = log.len();
        Ok(Self { root, files, log, durable })
    }

    /// Where notes can be added while a process runs.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.clone()
    }

    /// Runs a command to its end, or until it is to be killed. Lines of its standard output become notes.
    ///
    /// # Errors
    /// If it cannot be started or observed, or does something that cannot be followed.
    pub fn run(&mut self, command: &Command, until: Until) -> Result<Ended> {
        Tracer::start(&mut self.files, self.log.clone(), command, until)?.run()
    }

    /// Ends the recording, and checks that it explains the directory as it is.
    ///
    /// # Errors
    /// If a byte of the directory is another than the recording says: something was not seen.
    pub fn finish(self) -> Result<Recording> {
        let recording = Recording { events: self.log.take(), durable: self.durable };
        let mut disk = Disk::new(&recording, Neglect::Nothing);
        disk.advance(recording.events.len());
        let image = disk.image(Mix::Everything, &mut rand::SeedableRng::seed_from_u64(0));
        let difference = image.difference(&self.root)?;
        ensure!(difference.is_none(), "the recorder has missed something: {}", difference.unwrap_or_default());
        Ok(recording)
    }
}

fn take_over(files: &mut Files, log: &Log, path: &Path, directory: NodeId) -> Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name is not UTF-8")?;
        let name = Name { directory, name };
        if entry.file_type()?.is_dir() {
            let node = files.create(name, NodeKind::Directory);
            take_over(files, log, &entry.path(), node)?;
        } else {
            let node = files.create(name, NodeKind::File);
            log.push(Event::Write { node, offset: 0, data: fs::read(entry.path())? });
        }
    }
    Ok(())
}
