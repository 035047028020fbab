//! Power cuts of a store, rebuilt from recordings.
//!
//! A writer is recorded over several lives, each ended by a kill between two system calls. Then the power fails at random
//! places of the recording: the store is opened on what a disk may hold there. Now and then that opening is itself
//! recorded and the power fails in it, several times in a row.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use muster_recorder::{Disk, Ended, Event, Image, Mix, Neglect, Recorder, Recording, Until};
use nix::sys::statvfs::statvfs;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

use super::check::{Fault, check};
use super::figures::Figures;
use super::workload::{Acknowledged, Expected, Workload};

/// How much is tried.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Power cuts.
    pub points: u32,
    /// Decides the workload, the kills and the cuts. Where threads of the store stand at a kill differs nevertheless.
    pub seed: u64,
    /// Syncs that are ignored.
    pub neglect: Neglect,
    /// The program `store_writer`.
    pub writer: PathBuf,
    /// Where contents that broke a promise are kept.
    pub kept: Option<PathBuf>,
}

/// The parts of one recording's experiment.
struct Replay<'a> {
    plan: &'a Plan,
    home: TempDir,
    rng: SmallRng,
    expected: Expected,
    figures: Figures,
}

/// Carries out the plan.
///
/// # Errors
/// If the experiment cannot be made. Broken promises are in the figures.
pub fn replay(plan: &Plan) -> Result<Figures> {
    let recordings = plan.points.div_ceil(POINTS_PER_RECORDING);
    let next = AtomicU32::new(0);
    let work = || -> Result<Figures> {
        let mut figures = Figures::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= recordings {
                return Ok(figures);
            }
            let share = |number: u32| u64::from(plan.points) * u64::from(number) / u64::from(recordings);
            let points = share(number + 1) - share(number);
            figures.add(Replay::new(plan, plan.seed.wrapping_add(u64::from(number)))?.run(points)?);
        }
    };
    let mut figures = Figures::default();
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            figures.add(worker.join().ok().context("a part of the experiment broke down")??);
        }
        Ok(figures)
    })
}

/// A folder for contents of disks, in memory where possible.
///
/// # Errors
/// If none can be made.
pub fn folder_in_memory() -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("muster-crash-");
    let memory = Path::new("/dev/shm");
    // Containers have little of it.
    let free = statvfs(memory).map_or(0, |found| found.blocks_available() * found.fragment_size());
    let made = if free > MEMORY_BYTES_MIN { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.context("cannot make a temporary folder")
}

impl<'a> Replay<'a> {
    fn new(plan: &'a Plan, seed: u64) -> Result<Self> {
        let (rng, expected) = (SmallRng::seed_from_u64(seed), Expected::new(Workload { seed }));
        Ok(Self { plan, home: folder_in_memory()?, rng, expected, figures: Figures::default() })
    }

    fn run(mut self, points: u64) -> Result<Figures> {
        let recording = self.record()?;
        let mut places: Vec<usize> = (0..points).map(|_| self.rng.random_range(0..=recording.events.len())).collect();
        places.sort_unstable();
        let mut disk = Disk::new(&recording, self.plan.neglect);
        let mut acknowledged = Acknowledged::default();
        let mut read = 0;
        for (number, place) in places.into_iter().enumerate() {
            disk.advance(place);
            read_notes(&recording.events[read..place], &mut acknowledged);
            read = place;
            let mix = Mix::draw(&mut self.rng);
            let image = disk.image(mix, &mut self.rng);
            let depth = if number % RECOVERIES_EVERY == 0 { self.rng.random_range(1..=DEPTH_MAX) } else { 0 };
            let result = self.look(&image, acknowledged, depth)?;
            if result.is_err()
                && let Some(folder) = &self.plan.kept
            {
                let seed = self.expected.workload().seed;
                image.write_to(&folder.join(format!("cut-{seed}-{number}")))?;
            }
            self.figures.in_recovery += u64::from(depth > 0);
            self.figures.count(result, || {
                let events = recording.events.len();
                format!("event {place} of {events}, {mix:?}, {depth} recoveries cut, {acknowledged:?}")
            });
        }
        read_notes(&recording.events[read..], &mut acknowledged);
        self.figures.commits += acknowledged.commit;
        Ok(self.figures)
    }

    /// Looks at an image, after the power has failed `depth` times more while it was being opened.
    fn look(&mut self, image: &Image, mut acknowledged: Acknowledged, depth: u32) -> Result<Result<(), Fault>> {
        let directory = self.home.path().join("image");
        image.write_to(&directory)?;
        for _ in 0..depth {
            let mut recorder = Recorder::new(&directory)?;
            let mut command = Command::new(&self.plan.writer);
            command.arg("open").arg(directory.join(STORE));
            if self.rng.random_bool(0.5) {
                // Killed first: the opening that is cut off finds what an unfinished one has left in the kernel.
                recorder.run(&command, Until::Events(self.rng.random_range(1..EVENTS_PER_OPENING_MAX)))?;
            }
            let ended = recorder.run(&command, Until::End)?;
            let recording = recorder.finish()?;
            if ended != Ended::Exited(0) {
                // The look says why.
                break;
            }
            let place = self.rng.random_range(recording.durable..=recording.events.len());
            let mut disk = Disk::new(&recording, self.plan.neglect);
            disk.advance(place);
            read_notes(&recording.events[..place], &mut acknowledged);
            disk.image(Mix::draw(&mut self.rng), &mut self.rng).write_to(&directory)?;
        }
        let goes_on = self.rng.random_range(0..GOES_ON_EVERY) == 0;
        Ok(check(&directory.join(STORE), acknowledged, &mut self.expected, goes_on))
    }

    fn record(&mut self) -> Result<Recording> {
        let root = self.home.path().join("recorded");
        std::fs::create_dir(&root)?;
        let mut recorder = Recorder::new(&root)?;
        let mut command = Command::new(&self.plan.writer);
        command.arg("write").arg(root.join(STORE)).arg("--seed").arg(self.expected.workload().seed.to_string());
        for life in 0..LIVES {
            // The first ones end while the store is being made.
            let until = if life < 2 { Until::Events(self.rng.random_range(1..8)) } else { self.draw_end() };
            recorder.run(&command, until)?;
        }
        command.args(["--commits", &COMMITS_OF_LAST_LIFE.to_string()]);
        let ended = recorder.run(&command, Until::End)?;
        ensure!(ended == Ended::Exited(0), "the writer ended with {ended:?}");
        recorder.finish()
    }

    /// When a life ends: now and then while the store is being opened, or between a rename and its sync.
    fn draw_end(&mut self) -> Until {
        match self.rng.random_range(0..4) {
            0 => Until::Rename(self.rng.random_range(0..EVENTS_PER_LIFE_MAX / 2)),
            1 | 2 => Until::Events(self.rng.random_range(1..EVENTS_PER_OPENING_MAX)),
            _ => Until::Events(self.rng.random_range(1..EVENTS_PER_LIFE_MAX)),
        }
    }
}

fn read_notes(events: &[Event], acknowledged: &mut Acknowledged) {
    for event in events {
        if let Event::Note(line) = event {
            acknowledged.read(line);
        }
    }
}

/// The store beneath the recorded folder, deep enough that its own folder's name has to be made durable, too.
const STORE: &str = "data/state";
const MEMORY_BYTES_MIN: u64 = 1 << 30;
const POINTS_PER_RECORDING: u32 = 250;
const LIVES: u32 = 8;
const EVENTS_PER_LIFE_MAX: usize = 1_200;
const EVENTS_PER_OPENING_MAX: usize = 120;
const COMMITS_OF_LAST_LIFE: u32 = 120;
const RECOVERIES_EVERY: usize = 6;
const DEPTH_MAX: u32 = 3;
const GOES_ON_EVERY: u32 = 3;
