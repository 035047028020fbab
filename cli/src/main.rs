//! The muster command: run pipelines and test suites here or on a fleet.

fn main() {}
