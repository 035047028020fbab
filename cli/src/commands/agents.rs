//! `muster agents`: who is there to work.

use clap::Args;
use muster_proto::v1;

use super::{print, print_json};
use crate::arguments::Place;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::output::json::{AgentJson, agent_word};
use crate::output::table::{Table, terminal_width};
use crate::output::text::moment;

/// List the agents of a coordinator
#[derive(Debug, Args)]
pub(crate) struct ListAgents {
    /// Print a JSON array
    #[arg(long)]
    pub(super) json: bool,
    /// Give work again to this agent, which was fenced off
    #[arg(long, value_name = "AGENT")]
    trust: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl ListAgents {
    /// Prints them.
    pub(crate) async fn run(&self) -> Result<ExitCode, Failure> {
        let fleet = Fleet::remote(&self.place).await?.ok_or_else(|| {
            Failure::usage("no coordinator is named")
                .advise("pass --coordinator URL, or set MUSTER_COORDINATOR; agents inside `muster run` end with it")
        })?;
        if let Some(agent) = &self.trust {
            fleet.client().trust(agent).await?;
        }
        let agents = fleet.client().agents().await?;
        if self.json {
            print_json(&agents.iter().map(AgentJson::of).collect::<Vec<_>>())?;
        } else if agents.is_empty() {
            print(&format!("no agents; start one with `muster-agent --coordinator {}`\n", fleet.client()));
        } else {
            print(&table(&agents).render(terminal_width()));
        }
        Ok(ExitCode::Passed)
    }
}

fn table(agents: &[v1::Agent]) -> Table {
    let mut table = Table::new(["AGENT", "STATE", "BUSY", "LABELS", "VERSION", "CONNECTED", "WHY"], 3);
    for agent in agents {
        let label = |(key, value): (&String, &String)| {
            if value.is_empty() { key.clone() } else { format!("{key}={value}") }
        };
        table.push([
            agent.name.clone(),
            agent_word(agent.state()).to_owned(),
            format!("{}/{}", agent.busy_slots, agent.slots),
            agent.labels.iter().map(label).collect::<Vec<_>>().join(" "),
            agent.version.clone(),
            moment(agent.connected_unix_ms),
            agent.fence_reason.clone(),
        ]);
    }
    table
}
