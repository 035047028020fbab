//! One attempt on this agent: the processes it starts, and what is left when it ends.
//!
//! - [`process`]: one command, watched from its start until nothing of it is left.
//! - [`exit`]: how it ended. [`limits`]: the bounds of its output and its stopping.
//! - [`environment`]: the few variables that every command sees. [`script`]: a script as a command.
//! - [`leftovers`]: processes that outlived their parent, found and ended.

pub mod environment;
pub mod exit;
pub mod leftovers;
pub mod limits;
pub mod process;
pub mod script;
