//! The stores keep their contract: against a model, against damage, against kill -9.

mod damage;
mod differential;
mod failures;
mod fixture;
mod generations;
mod kill;
mod refusals;
