//! Power cuts of a coordinator's whole data directory: rows, blobs, logs and reports.
//!
//! A real coordinator is recorded over several lives while a client stores blobs, submits and cancels runs and appends to
//! logs; whatever it is told to be done is noted. Then a coordinator is started on what a disk may hold at some moment,
//! and asked for all that had been done by then.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use muster_coordinator::store::SledOptions;
use muster_coordinator::{Listen, Options};
use muster_recorder::{Disk, Event, Mix, Neglect, Recorder, Recording, Until};
use muster_service::endpoint::Endpoint;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

use super::check::{Fault, refused};
use super::client::{Client, Done};
use super::figures::Figures;
use super::replay::folder_in_memory;

/// How much is tried.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Power cuts.
    pub points: u32,
    /// Decides what is done and where it is cut.
    pub seed: u64,
    /// Syncs that are ignored.
    pub neglect: Neglect,
    /// The program `muster-coordinator`.
    pub coordinator: PathBuf,
}

/// All that was done, in order; notes name it by its place.
type Deeds = Arc<Mutex<Vec<Done>>>;

/// Cuts the power of a coordinator so many times.
///
/// # Errors
/// If the experiment cannot be made. Broken promises are in the figures.
pub fn data_cuts(plan: &Plan) -> Result<Figures> {
    let home = folder_in_memory()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut rng = SmallRng::seed_from_u64(plan.seed);
    let deeds = Deeds::default();
    let recording = record(plan, &home, &mut rng, &deeds)?;
    let deeds = deeds.lock().unwrap_or_else(PoisonError::into_inner);
    let mut places: Vec<usize> = (0..plan.points).map(|_| rng.random_range(0..=recording.events.len())).collect();
    places.sort_unstable();
    let mut disk = Disk::new(&recording, plan.neglect);
    let mut figures = Figures { commits: deeds.len() as u64, ..Figures::default() };
    for place in places {
        disk.advance(place);
        let mix = Mix::draw(&mut rng);
        disk.image(mix, &mut rng).write_to(&home.path().join("image"))?;
        let done = deeds_before(&recording.events[..place]);
        let result = runtime.block_on(look(home.path(), &deeds[..done]));
        figures.count(result, || format!("event {place} of {}, {mix:?}, {done} done", recording.events.len()));
    }
    Ok(figures)
}

fn record(plan: &Plan, home: &TempDir, rng: &mut SmallRng, deeds: &Deeds) -> Result<Recording> {
    let root = home.path().join("recorded");
    std::fs::create_dir(&root)?;
    let mut recorder = Recorder::new(&root)?;
    let socket = home.path().join("recorded.socket");
    let mut command = Command::new(&plan.coordinator);
    command.arg("--data").arg(root.join(DATA)).arg("--listen").arg(format!("unix:{}", socket.display()));
    let contents = Arc::new(AtomicU64::new(0));
    for life in 0..LIVES {
        let log = recorder.log();
        let note = {
            let deeds = Arc::clone(deeds);
            move |done: Done| {
                let mut deeds = deeds.lock().unwrap_or_else(PoisonError::into_inner);
                log.note(format!("{DONE}{}", deeds.len()));
                deeds.push(done);
            }
        };
        let endpoint = Endpoint::Unix(socket.clone());
        let (seed, contents) = (plan.seed.wrapping_add(life), Arc::clone(&contents));
        // It ends with the coordinator.
        let client = std::thread::spawn(move || Client::new(endpoint, seed).work(&contents, note));
        let until = match rng.random_range(0..3) {
            // It makes several hundred folders before it serves.
            _ if life == 0 => Until::Events(2_000),
            0 => Until::Events(rng.random_range(1..1_200)),
            _ => Until::Rename(rng.random_range(50..600)),
        };
        recorder.run(&command, until)?;
        client.join().ok().context("the client broke down")??;
    }
    recorder.finish()
}

fn deeds_before(events: &[Event]) -> usize {
    let is_done = |event: &&Event| matches!(event, Event::Note(text) if text.starts_with(DONE));
    events.iter().filter(is_done).count()
}

/// Starts a coordinator on an image and asks it for all that was done.
async fn look(home: &Path, done: &[Done]) -> Result<(), Fault> {
    let socket = home.join("image.socket");
    let store = SledOptions { ballast_bytes: 0, ..SledOptions::default() };
    let options = Options::new(home.join("image").join(DATA), Listen::Unix(socket.clone()));
    let options = Options { store, free_bytes_min: 0, ..options };
    let coordinator = muster_coordinator::start(options).await.map_err(|error| refused(&error))?;
    let looked = Client::new(Endpoint::Unix(socket), 0).look(done).await;
    let ended = coordinator.shut_down().await.map_err(|error| refused(&error));
    looked.and(ended)
}

/// Deep enough that its own name has to be made durable, too.
const DATA: &str = "var/data";
const DONE: &str = "done ";
const LIVES: u64 = 8;
