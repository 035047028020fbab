//! `cargo xtask defects`: plants deliberate mistakes in a copy of the pure crates, one at a time, and runs seeds of the
//! simulation on it until a promise is violated.

mod copy;
mod hunt;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use muster_sim::defects::{DEFECTS, Defect};

use copy::Copy;
use hunt::{Catch, hunt};

/// Which mistakes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only those whose name contains this text.
    #[arg(long)]
    only: Option<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

/// Plants the defects and looks for each.
///
/// # Errors
/// If one is not found within its number of seeds, or the simulation finds something where none is planted.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let is_wanted = |defect: &&Defect| arguments.only.as_ref().is_none_or(|only| defect.name.contains(only.as_str()));
    let wanted: Vec<&Defect> = DEFECTS.iter().filter(is_wanted).collect();
    ensure!(!wanted.is_empty(), "no defect has such a name");
    let started = Instant::now();
    let copy = Copy::make()?;
    println!("nothing planted: {SEEDS_WITHOUT} seeds");
    let program = copy.build()?;
    if let Some(caught) = hunt(&program, arguments.from, SEEDS_WITHOUT)?.found() {
        bail!("the simulation finds something where nothing is planted: {caught}");
    }
    println!("{:<40} | {:<44} | {:>11} | {:>7}", "defect", "found by", "after seeds", "allowed");
    let mut missed = Vec::new();
    let mut seeds = BTreeMap::new();
    for defect in &wanted {
        copy.plant(defect)?;
        let catch = copy.build().and_then(|program| hunt(&program, arguments.from, defect.within));
        copy.heal(defect)?;
        let (by, after) = match catch? {
            Catch::Found { promise, seeds: after, .. } => {
                seeds.insert(defect.name, after);
                (promise, after.to_string())
            }
            Catch::Nothing => {
                missed.push(defect.name);
                ("NOT FOUND".to_owned(), "-".to_owned())
            }
        };
        println!("{:<40} | {by:<44} | {after:>11} | {:>7}", defect.name, defect.within);
    }
    let most = seeds.values().max().copied().unwrap_or_default();
    println!(
        "defects: {} planted, {} found, at most {most} seeds needed, {:.0} s",
        wanted.len(),
        seeds.len(),
        started.elapsed().as_secs_f64()
    );
    ensure!(missed.is_empty(), "not found: {}", missed.join(", "));
    Ok(())
}

const SEEDS_WITHOUT: u64 = 50;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::task::root;

    #[test]
    fn the_text_of_every_defect_stands_once_in_its_file() -> Result<()> {
        for defect in DEFECTS {
            let text = fs::read_to_string(root().join(defect.file))?;
            let found = text.matches(defect.find).count();
            ensure!(found == 1, "defect `{}`: its text stands {found} times in {}", defect.name, defect.file);
            ensure!(defect.find != defect.replace, "defect `{}` changes nothing", defect.name);
        }
        Ok(())
    }

    #[test]
    fn every_defect_has_a_name_of_its_own() {
        let names: BTreeMap<&str, &Defect> = DEFECTS.iter().map(|defect| (defect.name, defect)).collect();
        assert_eq!(names.len(), DEFECTS.len());
    }
}
