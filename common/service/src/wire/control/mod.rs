//! Messages of the control stream: what agents say in `from_agent`, what the coordinator says in `to_agent`.

mod from_agent;
mod lists;
mod to_agent;

pub use from_agent::{from_agent, from_agent_to_proto};
use lists::{indexes, indexes_to_proto, tokens, tokens_to_proto};
pub use to_agent::{to_agent, to_agent_to_proto};
