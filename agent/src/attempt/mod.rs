//! One attempt on this agent, from its lease to its end.
//!
//! - `supervisor`: the whole of it. `workspace`, `variables`: where it runs and what it sees. `steps`, `test_work`,
//!   `shard`: what it does. `logs`, `log_file`: its log on the way to the coordinator. `orders`: what it is told meanwhile.
//!   `ending`: why it does not go on.
//! - `build_home`, `warm_files`: places where builds stay warm. `shared_build`: builds laid out for several shards.
//!   `kept_lists`: lists of tests from earlier discoveries.
//! - [`process`]: one command, watched from its start until nothing of it is left. `keeper`: what stands between it and
//!   the agent, held by a `tether`. [`services`]: what steps leave running for those after them. [`lifeline`]: until when
//!   work that is not safe to repeat may run.
//! - [`exit`]: how it ended. [`limits`]: the bounds of its output and its stopping.
//! - [`environment`]: the few variables that every command sees. [`script`]: a script as a command.
//! - [`leftovers`]: processes that outlived their keeper, found and ended; [`traces`]: whether there may be any.

pub(crate) mod build_home;
pub(crate) mod ending;
pub mod environment;
pub mod exit;
pub(crate) mod keeper;
mod kept_lists;
pub mod leftovers;
pub mod lifeline;
pub mod limits;
pub(crate) mod log_file;
pub(crate) mod logs;
pub(crate) mod orders;
pub mod process;
pub mod script;
pub mod services;
pub(crate) mod shard;
pub(crate) mod shared_build;
pub(crate) mod steps;
pub(crate) mod supervisor;
pub(crate) mod test_work;
mod tether;
pub mod traces;
pub(crate) mod variables;
mod warm_files;
pub(crate) mod workspace;
