//! What keeps a job from everything that is not its own.
//!
//! - [`level`]: how much of it an agent gives. [`account`]: as whom commands run where the agent may choose.
//! - `sandbox`: the namespaces of one attempt, held by a process of its own. `view`: what is seen in them, as a list of
//!   steps; `mounts`: the steps.
//! - [`confinement`]: what a command gives up before it becomes its program. `landlock`, `filter`: two parts of that.
//! - [`offer`]: whether this machine can give what is asked for, found out before any lease is taken.
//!
//! What runs between a fork and the next program is limited to system calls, because it comes from a process with several
//! threads: every path and every table is made before.

pub mod account;
pub mod confinement;
mod filter;
mod landlock;
pub mod level;
mod mounts;
pub mod offer;
pub(crate) mod sandbox;
mod view;
