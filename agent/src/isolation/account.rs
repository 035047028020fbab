//! As whom commands run where the agent may choose.

use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use nix::unistd::{Uid, User};

/// An account that owns nothing of the agent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its user id; not 0.
    pub uid: u32,
    /// Its group id; not 0.
    pub gid: u32,
}

/// A text that names no account for jobs.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is no such account.
    #[error("there is no account `{0}` on this machine: name one that jobs may run as, or write its UID:GID")]
    Unknown(String),
    /// It may do everything.
    #[error("jobs cannot run as `{0}`: it has the user or group id 0")]
    Root(String),
}

impl Account {
    /// The account that `text` names, as a name or as `UID:GID`.
    ///
    /// # Errors
    /// If there is none, or it is root.
    pub fn find(text: &str) -> Result<Self, AccountError> {
        let numbers = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
        let account = match numbers {
            Some((uid, gid)) => Self { uid, gid },
            None => {
                let user =
                    User::from_name(text).ok().flatten().ok_or_else(|| AccountError::Unknown(text.to_owned()))?;
                Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() }
            }
        };
        if account.uid == 0 || account.gid == 0 {
            return Err(AccountError::Root(text.to_owned()));
        }
        Ok(account)
    }

    /// Gives it `path` with everything in it; links are given, not followed. Blocks.
    ///
    /// # Errors
    /// If something cannot be given.
    pub fn take_tree(self, path: &Path) -> io::Result<()> {
        let found = path.symlink_metadata()?;
        if found.uid() != self.uid || found.gid() != self.gid {
            lchown(path, Some(self.uid), Some(self.gid))?;
        }
        if found.is_dir() {
            for entry in std::fs::read_dir(path)? {
                self.take_tree(&entry?.path())?;
            }
        }
        Ok(())
    }
}

/// Whether this process may become any account.
#[must_use]
pub fn may_switch() -> bool {
    Uid::effective().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_name_or_two_numbers_and_never_root() {
        assert_eq!(Account::find("70000:70001").expect("numbers"), Account { uid: 70_000, gid: 70_001 });
        assert!(matches!(Account::find("root"), Err(AccountError::Root(_))));
        assert!(matches!(Account::find("5:0"), Err(AccountError::Root(_))));
        assert!(matches!(Account::find("no such account"), Err(AccountError::Unknown(_))));
    }
}
