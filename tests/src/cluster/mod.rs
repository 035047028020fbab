//! Muster as a cluster on one machine: every process in a network namespace of its own, on a switch that can be told to
//! lose, and a history of what the work itself saw.
//!
//! - [`lan`], [`switch`]: namespaces with addresses of their own, and what the switch between them does.
//! - [`proxy`]: what a kernel without netem cannot do: delay, stalls, connections cut in the middle of a frame.
//! - [`site`]: a coordinator, agents and clients on it.
//! - [`workload`], [`ledger`], [`watch`]: suites whose verdicts are known, what their processes wrote down, and what a
//!   client was told.
//! - [`spool`]: what an agent still has to say.
//! - [`promises`]: what must hold of all that.
//! - [`scene`], [`round`]: work under a fault, and what came of it.
//! - [`fault`]: what is done to the cluster, one fault a file.
//! - [`restart`]: how soon a killed coordinator is at work again.

pub mod dice;
pub mod fault;
pub mod lan;
pub mod ledger;
pub mod moment;
pub mod promises;
pub mod proxy;
pub mod restart;
pub mod round;
pub mod scene;
pub mod site;
pub mod spool;
pub mod switch;
pub mod tools;
pub mod watch;
pub mod workload;
