//! Kept lists: lists of tests that an agent keeps from one discovery to the next.
//!
//! A list is taken from here only under a key of everything that it follows from ([`key`]), so a change of any of that is
//! a list of its own. Two kinds are kept:
//!
//! - of single test executables, always: `relisting`. What did not change since it was listed is not listed again.
//! - of whole suites, where the pipeline says so: [`whole`]. What its key cannot see (`installation`) may change the
//!   suite all the same; so a whole list that was kept is dealt together with a test of itself (`check`), which lists the
//!   suite anew and passes only where both lists agree.
//!
//! [`store`] is where they lie, [`lists`] what a runner is given of all this.

mod check;
mod installation;
pub mod key;
pub mod lists;
pub(super) mod relisting;
pub mod store;
pub mod whole;

pub(super) use check::Checks;
pub use key::Key;
pub use lists::Lists;
pub use store::Store;
pub use whole::{Basis, WholeList};
