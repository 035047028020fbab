//! Whether this machine can give what is asked for, found out before any lease is taken; and then, for every attempt, that.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account::{Account, AccountError, may_switch};
use super::confinement::Confinement;
use super::filter;
use super::landlock::{self, Rights, Rule, Ruleset, VERSION_OF_ACCOUNT, VERSION_OF_SANDBOX};
use super::level::{Isolation, SandboxNetwork};
use super::sandbox::{Sandbox, SandboxError};
use super::view::{SCRATCH, View};

/// What an operator asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IsolationOptions {
    /// How much jobs are kept from.
    pub level: Isolation,
    /// As whom they run, by name or `UID:GID`; needed where the agent is root and the level is not `none`.
    pub job_user: Option<String>,
    /// What a sandbox reaches.
    pub sandbox_network: SandboxNetwork,
    /// Folders and files that sandboxed jobs may read although they lie in something that a sandbox hides.
    pub sandbox_visible: Vec<PathBuf>,
    /// Processes that one attempt has at one time; none: as many as the machine allows.
    pub processes_max: Option<u64>,
}

/// The level that was asked for cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum IsolationError {
    /// The account for jobs cannot be used.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Nobody said which.
    #[error("isolation `{0}` as root needs an account for jobs: name one with --job-user")]
    AccountMissing(Isolation),
    /// Without an account or a sandbox of their own, jobs' processes cannot be told from others.
    #[error("processes_max holds for isolation `user` and `sandbox` only: set isolation, or leave processes_max out")]
    LimitUnheld,
    /// Only root can become somebody else.
    #[error(
        "isolation `user` needs an agent that runs as root, so that jobs can run as somebody else; as plain user there are \
         `none` and `sandbox`"
    )]
    NotRoot,
    /// An account for jobs, and nobody who could become it.
    #[error("only root can run jobs as another account: start the agent as root or leave --job-user out")]
    AccountUnusable,
    /// The kernel is too old, or has it switched off.
    #[error(
        "isolation `{level}` needs version {needed} of Landlock and this kernel has {}: use Linux {kernel} or newer with \
         `landlock` among its security modules (lsm=)", found.map_or_else(|| "none".to_owned(), |found| found.to_string())
    )]
    Landlock {
        /// What was asked for.
        level: Isolation,
        /// The version that it takes.
        needed: i64,
        /// The first kernel with it.
        kernel: &'static str,
        /// The version that is there.
        found: Option<i64>,
    },
    /// A sandbox was tried and could not be made.
    #[error(
        "isolation `sandbox` cannot be had on this machine; where the agent is not root look at user.max_user_namespaces, \
         kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns, and under systemd at \
         RestrictNamespaces="
    )]
    Sandbox(#[from] SandboxError),
    /// Jobs could plant links among what the agent reads and writes.
    #[error("isolation needs `{}` to lie outside of /tmp, /var/tmp and /dev/shm: give the agent another --directory", .0.display())]
    InScratch(PathBuf),
    /// Jobs could not reach their own folders.
    #[error("jobs run as another account and could not enter `{}`: chmod o+x it, or give the agent another --directory", .0.display())]
    Unreachable(PathBuf),
}

/// What this agent gives every attempt.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    options: IsolationOptions,
    account: Option<Account>,
    slots: u32,
    hidden: Vec<PathBuf>,
}

/// An attempt's own folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Where anything may be made.
    pub(crate) own: Vec<PathBuf>,
    /// Where the agent reads and writes as well.
    pub(crate) shared: Vec<PathBuf>,
    /// Others' that it needs.
    pub(crate) readable: Vec<PathBuf>,
}

/// What an attempt's commands are held to, for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Confined {
    pub(crate) confinement: Option<Arc<Confinement>>,
    sandbox: Option<Sandbox>,
}

impl Offer {
    /// What can be given for `options`, all of it tried. `hidden` are the agent's own places.
    pub(crate) async fn find(
        options: IsolationOptions,
        slots: u32,
        directory: &Path,
        hidden: Vec<PathBuf>,
    ) -> Result<Self, IsolationError> {
        if options.processes_max.is_some() && options.level == Isolation::None {
            return Err(IsolationError::LimitUnheld);
        }
        let account = account(&options)?;
        let offer = Self { options, account, slots, hidden };
        offer.apart(directory)?;
        let found = landlock::version();
        match offer.options.level {
            Isolation::None => {}
            Isolation::User => {
                needs_landlock(Isolation::User, VERSION_OF_ACCOUNT, "5.19", found)?;
                reachable(directory)?;
            }
            Isolation::Sandbox => {
                needs_landlock(Isolation::Sandbox, VERSION_OF_SANDBOX, "6.12", found)?;
                let tried = Sandbox::start(&offer.view(&Places::default())).await?;
                tried.0.end().await;
            }
        }
        Ok(offer)
    }

    /// What may be done in a scratch place may be done in all that lies in it.
    fn apart(&self, directory: &Path) -> Result<(), IsolationError> {
        let own = std::iter::once(directory).chain(self.hidden.iter().map(PathBuf::as_path));
        let mut own = own.filter(|_| self.options.level != Isolation::None);
        match own.find(|path| path.is_dir() && SCRATCH.iter().any(|scratch| path.starts_with(scratch))) {
            Some(path) => Err(IsolationError::InScratch(path.to_owned())),
            None => Ok(()),
        }
    }

    /// What it is called.
    pub(crate) const fn level(&self) -> Isolation {
        self.options.level
    }

    /// Makes it for an attempt whose folders are filled. Commands that are started before have none of it.
    pub(crate) async fn confine(&self, places: Places) -> Result<Confined, SandboxError> {
        if self.options.level == Isolation::None {
            return Ok(Confined { confinement: None, sandbox: None });
        }
        prepare(self.account, &places).await.map_err(SandboxError::View)?;
        let mut confinement = Confinement {
            account: self.account,
            filter: filter::program(),
            ruleset: Some(self.ruleset(&places).map_err(SandboxError::View)?),
            processes_max: self.processes_max(),
            ..Confinement::default()
        };
        let mut sandbox = None;
        if self.options.level == Isolation::Sandbox {
            let (made, namespaces) = Sandbox::start(&self.view(&places)).await?;
            confinement.namespaces = Some(namespaces);
            sandbox = Some(made);
        }
        Ok(Confined { confinement: Some(Arc::new(confinement)), sandbox })
    }

    /// The system counts by account: of root's agent, all attempts together; else those of a sandbox alone.
    fn processes_max(&self) -> Option<u64> {
        let shares = if self.account.is_some() { u64::from(self.slots) } else { 1 };
        let default = (self.options.level == Isolation::Sandbox).then_some(PROCESSES_DEFAULT);
        self.options.processes_max.or(default).map(|most| most.saturating_mul(shares))
    }

    fn view(&self, places: &Places) -> View {
        View {
            hidden: self.hidden.clone(),
            writable: places.own.iter().chain(&places.shared).cloned().collect(),
            readable: places.readable.iter().chain(&self.options.sandbox_visible).cloned().collect(),
            network: self.options.sandbox_network,
        }
    }

    fn ruleset(&self, places: &Places) -> io::Result<Ruleset> {
        let anything = places.own.iter().cloned().chain(SCRATCH.map(PathBuf::from));
        let mut rules: Vec<Rule> = anything.map(|path| Rule::new(path, Rights::All)).collect::<io::Result<_>>()?;
        for path in &places.shared {
            rules.push(Rule::new(path, Rights::Share)?);
        }
        if self.options.level == Isolation::User {
            return Ok(Ruleset::of_account(rules));
        }
        rules.push(Rule::new("/", Rights::Read)?);
        rules.push(Rule::new("/dev", Rights::Use)?);
        rules.push(Rule::new("/proc", Rights::Use)?);
        Ok(Ruleset::of_sandbox(rules))
    }
}

impl Confined {
    /// Ends everything that runs in its sandbox. Returns whether there is one and nothing in it is left.
    pub(crate) async fn end(self) -> bool {
        match self.sandbox {
            Some(sandbox) => sandbox.end().await,
            None => false,
        }
    }
}

fn account(options: &IsolationOptions) -> Result<Option<Account>, IsolationError> {
    match (options.level, &options.job_user, may_switch()) {
        (Isolation::None, None, _) | (Isolation::Sandbox, None, false) => Ok(None),
        (Isolation::User, None, false) => Err(IsolationError::NotRoot),
        (_, Some(_), false) => Err(IsolationError::AccountUnusable),
        (level, None, true) => Err(IsolationError::AccountMissing(level)),
        (_, Some(name), true) => Ok(Some(Account::find(name)?)),
    }
}

fn needs_landlock(
    level: Isolation,
    needed: i64,
    kernel: &'static str,
    found: Option<i64>,
) -> Result<(), IsolationError> {
    if found.is_some_and(|found| found >= needed) {
        return Ok(());
    }
    Err(IsolationError::Landlock { level, needed, kernel, found })
}

/// Whether everybody may pass through `directory` and what it lies in; it itself is made so.
fn reachable(directory: &Path) -> Result<(), IsolationError> {
    let unreachable = |path: &Path| IsolationError::Unreachable(path.to_owned());
    let passable = |path: &Path| path.metadata().is_ok_and(|found| found.mode() & 0o001 != 0);
    if !passable(directory) {
        let opened = std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o711));
        opened.map_err(|_| unreachable(directory))?;
    }
    match directory.ancestors().find(|path| !passable(path)) {
        Some(path) => Err(unreachable(path)),
        None => Ok(()),
    }
}

/// Makes the folders that are not there yet, and gives all of them to the account.
async fn prepare(account: Option<Account>, places: &Places) -> io::Result<()> {
    let paths: Vec<PathBuf> = places.own.iter().chain(&places.shared).cloned().collect();
    let work = move || {
        for path in &paths {
            std::fs::create_dir_all(path)?;
            account.map_or(Ok(()), |account| account.take_tree(path))?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Enough for any build, and few enough that a machine lives through it.
const PROCESSES_DEFAULT: u64 = 4_096;
