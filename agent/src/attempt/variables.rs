//! What the processes and expressions of an attempt see.

use std::collections::BTreeMap;
use std::ffi::OsString;

use muster_common::control::Lease;
use muster_common::pipeline::expression::{Context, MusterContext, NeedContext, Status, interpolate};
use muster_common::spec::Env;

use super::ending::Ending;
use super::environment::Environment;
use super::leftovers::Mark;
use super::workspace::Workspace;
use crate::host::Host;
use crate::isolation::level::Isolation;

/// What the processes and expressions of an attempt see.
#[derive(Clone, Debug)]
pub(crate) struct Variables {
    /// What every command of the attempt is started with.
    pub(crate) environment: Environment,
    /// What expressions see.
    pub(crate) context: Context,
}

impl Variables {
    /// Those of a lease: the agent's base, Muster's own, and the job's, of which the last are the strongest.
    pub(crate) fn of(lease: &Lease, host: &Host, workspace: &Workspace, mark: &Mark) -> Result<Self, Ending> {
        let mut context = Context {
            status: Status::SUCCESS,
            env: Env::new(),
            needs: lease.needs.iter().map(|(group, need)| (group.clone(), NeedContext::from(need))).collect(),
            steps: BTreeMap::new(),
            muster: MusterContext {
                run: Some(lease.job.run.0),
                job: Some(lease.job_name.clone()),
                attempt: Some(lease.attempt),
                shard: lease.shard.map(|shard| shard.0),
            },
        };
        let mut environment = host.environment.clone();
        environment.extend([host.mark.variable(), mark.variable()]);
        environment.extend(own(lease, host, workspace));
        context.env = interpolated("env", &lease.env, &context)?;
        if let Some(home) = &workspace.home {
            environment.insert("CARGO_TARGET_DIR".into(), home.target().into_os_string());
        }
        extend(&mut environment, &context.env);
        Ok(Self { environment, context })
    }

    /// These with the variables of a step.
    pub(crate) fn with(&self, env: &Env, what: &str) -> Result<Self, Ending> {
        let mut with = self.clone();
        let env = interpolated(what, env, &self.context)?;
        extend(&mut with.environment, &env);
        with.context.env.extend(env);
        Ok(with)
    }
}

fn own(lease: &Lease, host: &Host, workspace: &Workspace) -> Vec<(OsString, OsString)> {
    let mut own: Vec<(OsString, OsString)> = [
        ("CI", "true".to_owned()),
        ("MUSTER_RUN", lease.job.run.to_string()),
        ("MUSTER_JOB", lease.job_name.clone()),
        ("MUSTER_PROJECT", lease.project.clone()),
        ("MUSTER_ATTEMPT", lease.attempt.to_string()),
        ("MUSTER_FENCING_TOKEN", lease.token.to_string()),
        ("MUSTER_AGENT", host.name.to_string()),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into();
    if let Some(shard) = lease.shard {
        own.push(("MUSTER_SHARD".into(), shard.to_string().into()));
    }
    own.push(("MUSTER_WORKSPACE".into(), workspace.root.clone().into_os_string()));
    own.push(("TMPDIR".into(), workspace.temporary.clone().into_os_string()));
    if host.offer.level() != Isolation::None {
        own.push(("HOME".into(), workspace.own_home.clone().into_os_string()));
    }
    own
}

fn interpolated(what: &str, env: &Env, context: &Context) -> Result<Env, Ending> {
    env.iter()
        .map(|(name, value)| {
            let value =
                interpolate(value, context).map_err(|error| Ending::expression(&format!("{what} {name}"), &error))?;
            Ok((name.clone(), value))
        })
        .collect()
}

fn extend(environment: &mut Environment, env: &Env) {
    environment.extend(env.iter().map(|(name, value)| (name.into(), value.into())));
}
