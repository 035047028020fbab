//! `cargo xtask crash`: kills of a process that writes through the store, and power cuts rebuilt from recordings.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use muster_recorder::Neglect;
use muster_tests::crash::data::{self, data_cuts};
use muster_tests::crash::figures::Figures;
use muster_tests::crash::kill::kill_rounds;
use muster_tests::crash::replay::{Plan, replay};

use super::{must_build, workshop};

/// Arguments of `cargo xtask crash`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Power cuts that are rebuilt.
    #[arg(long, default_value_t = 500)]
    points: u32,
    /// Power cuts of a coordinator's whole data directory.
    #[arg(long, default_value_t = 100)]
    data_points: u32,
    /// Kills at random moments.
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Decides what is written and where it is cut.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Fails if a promise is broken. Ends with one line of figures.
///
/// # Errors
/// If a promise is broken, or the experiment cannot be made.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let writer = must_build("muster-tests", "store_writer")?;
    let kept = workshop().join("crash");
    std::fs::create_dir_all(&kept)?;
    let plan = Plan {
        points: arguments.points,
        seed: arguments.seed,
        neglect: Neglect::Nothing,
        writer: writer.clone(),
        kept: Some(kept.clone()),
    };
    let begun = Instant::now();
    let cuts = replay(&plan)?;
    let per_second = f64::from(arguments.points) / begun.elapsed().as_secs_f64();
    show("power cut", &cuts);
    let data = data::Plan {
        points: arguments.data_points,
        seed: arguments.seed,
        neglect: Neglect::Nothing,
        coordinator: must_build("muster-coordinator", "muster-coordinator")?,
    };
    let data = data_cuts(&data)?;
    show("power cut of all data", &data);
    let kills = kill_rounds(arguments.kills, arguments.seed, &writer)?;
    show("kill", &kills);
    println!("power cuts: {cuts}; {per_second:.0} a second · of all data: {data} · kill -9: {kills}");
    ensure!(
        cuts.is_clean() && data.is_clean() && kills.is_clean(),
        "a promise is broken; what was found lies in {}",
        shown(&kept)
    );
    Ok(())
}

pub(super) fn show(what: &str, figures: &Figures) {
    for found in &figures.found {
        println!("{what}: {found}");
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
