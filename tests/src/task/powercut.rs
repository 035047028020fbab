//! `cargo xtask powercut`: power cuts of a real ext4 on a loop device.

use anyhow::{Result, ensure};
use muster_tests::crash::powercut::power_cuts;

use super::crash::show;
use super::must_build;

/// Arguments of `cargo xtask powercut`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often the power is cut.
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// Decides what is written, and when it is cut.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Fails if a promise is broken. Ends with one line of figures.
///
/// # Errors
/// If a promise is broken, or there are no loop devices here.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let writer = must_build("muster-tests", "store_writer")?;
    let figures = power_cuts(arguments.rounds, arguments.seed, &writer)?;
    show("power cut", &figures);
    println!("ext4 power cuts: {figures}");
    ensure!(figures.is_clean(), "a promise is broken");
    Ok(())
}
