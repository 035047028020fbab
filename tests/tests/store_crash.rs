//! Crashes and power cuts of a process that writes through the store: what it acknowledged is there, nothing is half, and
//! the store opens. `cargo xtask crash` and `cargo xtask powercut` do more of the same.

use muster_recorder::Neglect;
use muster_tests::binaries::binary;
use muster_tests::crash::data::{self, data_cuts};
use muster_tests::crash::figures::Figures;
use muster_tests::crash::kill::kill_rounds;
use muster_tests::crash::powercut::power_cuts;
use muster_tests::crash::replay::{Plan, replay};

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    assert_clean(&kill_rounds(20, 1, &binary("store_writer")).expect("processes can be killed"));
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    assert_clean(&cuts(60, Neglect::Nothing));
}

#[test]
fn a_power_cut_of_a_real_file_system_loses_nothing_that_was_acknowledged() {
    assert_clean(&power_cuts(10, 1, &binary("store_writer")).expect("there are loop devices here"));
}

#[test]
fn a_store_that_left_out_its_syncs_would_be_caught() {
    for neglect in [Neglect::Everything, Neglect::Directories, Neglect::Files("db"), Neglect::Files("MANIFEST")] {
        let figures = cuts(60, neglect);
        assert!(!figures.is_clean(), "the experiment has no teeth: without the syncs of {neglect:?}: {figures}");
    }
}

#[test]
fn a_power_cut_loses_nothing_of_a_coordinators_data() {
    let plan = data::Plan { points: 30, seed: 1, neglect: Neglect::Nothing, coordinator: binary("muster-coordinator") };
    let figures = data_cuts(&plan).expect("processes can be recorded");
    assert!(figures.is_clean(), "{figures}\n{}", figures.found.join("\n"));
    assert!(figures.commits > 50, "hardly anything was done: {figures}");
}

fn cuts(points: u32, neglect: Neglect) -> Figures {
    let plan = Plan { points, seed: 7, neglect, writer: binary("store_writer"), kept: None };
    replay(&plan).expect("processes can be recorded")
}

fn assert_clean(figures: &Figures) {
    assert!(figures.is_clean(), "{figures}\n{}", figures.found.join("\n"));
    assert!(figures.commits > 100, "hardly anything was written: {figures}");
}
