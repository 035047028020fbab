//! `cargo xtask`: experiments and checks that are too long for the tests, and the test command itself.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod task;

/// Experiments and checks of Muster's own development.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fetch what the tests need, build every binary, run every test.
    Test(task::test::Arguments),
    /// Run real suites of others under Muster and under their runner alone, and compare every verdict.
    CompareSuites(task::compare_suites::Arguments),
    /// Kill and cut off a process that writes through the store, and look for what it acknowledged.
    Crash(task::crash::Arguments),
    /// Cut the power of a real file system while the store is written, and look for what was acknowledged.
    Powercut(task::powercut::Arguments),
    /// Damage the files of a store, and see that it is repaired or refused.
    Damage(task::damage::Arguments),
    /// Measure the store: speed, space, and how soon a coordinator is back.
    StoreBench(task::store_bench::Arguments),
    /// Do every fault to a cluster of real processes, and check every promise.
    Cluster(task::cluster::Arguments),
    /// Simulate coordinator and fleet under faults, seed by seed, and check every promise after every step.
    Sim(task::sim::Arguments),
    /// Compare how tests are dealt with the best that is possible, and with the ways of others.
    Makespan(task::makespan::Arguments),
    /// Run a suite of thousands of sleeping processes on hundreds of real agents, and hold the time against the bound.
    Fleet(task::fleet::Arguments),
    /// Inject flaky tests, sick agents, outages and broken commits, and see that each is told from the others.
    Flakiness(task::flakiness::Arguments),
    /// Try to get a green run of tests that did not run.
    FalseGreen(task::false_green::Arguments),
    /// Plant deliberate mistakes in a copy of the pure crates, and see that the simulation finds each.
    Defects(task::defects::Arguments),
    /// Change the pure crates in every small way, and see that their tests find each.
    Mutants(task::mutants::Arguments),
    /// Hold the systemd units against what systemd says of them.
    Units,
    /// List dependencies that are in the build in two versions, and fail on one that is not argued.
    Duplicates,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(arguments) => task::test::run(&arguments),
        Task::CompareSuites(arguments) => task::compare_suites::run(&arguments),
        Task::Crash(arguments) => task::crash::run(&arguments),
        Task::Powercut(arguments) => task::powercut::run(&arguments),
        Task::Damage(arguments) => task::damage::run(&arguments),
        Task::StoreBench(arguments) => task::store_bench::run(&arguments),
        Task::Cluster(arguments) => task::cluster::run(&arguments),
        Task::Sim(arguments) => task::sim::run(&arguments),
        Task::Makespan(arguments) => task::makespan::run(&arguments),
        Task::Fleet(arguments) => task::fleet::run(&arguments),
        Task::Flakiness(arguments) => task::flakiness::run(&arguments),
        Task::FalseGreen(arguments) => task::false_green::run(&arguments),
        Task::Defects(arguments) => task::defects::run(&arguments),
        Task::Mutants(arguments) => task::mutants::run(&arguments),
        Task::Units => task::units::run(),
        Task::Duplicates => task::duplicates::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
