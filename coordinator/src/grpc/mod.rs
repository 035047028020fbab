//! The services, and the only place where messages of the interface meet the coordinator's own types.

mod admin_service;
mod agent_service;
mod backing_up;
mod convert;
mod listener;
mod log_append;
mod log_reading;
mod page;
mod run_service;
mod server;
mod session;
mod status;
mod test_service;
mod tests_of_run;
mod watching;
mod wish;

pub(crate) use listener::Listener;
pub use listener::{Address, BindError, Listen};
pub(crate) use server::{Services, serve};
