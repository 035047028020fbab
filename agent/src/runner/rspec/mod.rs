//! RSpec 3, with a formatter of ours that also chooses.
//!
//! RSpec gets the job's arguments and finds the same configuration as alone. Names are `<file> > <full description>`: the
//! ids of RSpec itself, such as `./a_spec.rb[1:2]`, count positions, and mean another test as soon as one is added.

mod command;

pub(crate) use command::RSPEC;
