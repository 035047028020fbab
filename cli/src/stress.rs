//! `--stress-new`: tests that are run several times although they pass.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use clap::Args;
use muster_common::limits::{STRESS_CHANGED_MAX, STRESS_TIMES_MAX};
use muster_common::spec::StressSpec;

use crate::failure::Failure;

/// Which tests are run several times.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Stress {
    /// Run every new test N times although it passes, to see a flaky one early; new is what no earlier run has seen
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=i64::from(STRESS_TIMES_MAX)))]
    stress_new: Option<u32>,
    /// With --stress-new: also tests in files that have changed since this commit, where names begin with the file
    #[arg(long, value_name = "COMMIT", requires = "stress_new")]
    changed_since: Option<String>,
}

impl Stress {
    /// What is asked of a run of `folder`; none: nothing.
    ///
    /// # Errors
    /// If git cannot tell what has changed.
    pub(crate) fn spec(&self, folder: &Path) -> Result<Option<StressSpec>, Failure> {
        let Some(times) = self.stress_new else { return Ok(None) };
        let changed = self.changed_since.as_deref().map(|commit| changed_files(folder, commit)).transpose()?;
        Ok(Some(StressSpec { times, changed: changed.unwrap_or_default() }))
    }
}

/// Files beneath `folder` that are new or differ from those of a commit.
fn changed_files(folder: &Path, commit: &str) -> Result<Vec<String>, Failure> {
    let mut files = git(folder, &["diff", "--name-only", "--relative", "-z", "--end-of-options", commit, "--"])?;
    files.extend(git(folder, &["ls-files", "--others", "--exclude-standard", "-z"])?);
    files.sort_unstable();
    files.dedup();
    if files.len() > STRESS_CHANGED_MAX {
        return Err(Failure::usage(format!("{} files have changed since {commit}", files.len()))
            .advise(format!("at most {STRESS_CHANGED_MAX} are taken; name a later commit")));
    }
    Ok(files)
}

/// What git prints, name by name.
fn git(folder: &Path, words: &[&str]) -> Result<Vec<String>, Failure> {
    let ran = Command::new("git").arg("-C").arg(folder).args(words).output();
    let ran = ran.map_err(|error| {
        Failure::usage("--changed-since asks git, which cannot be started").because(error).advise("is git installed?")
    })?;
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        let said = said.lines().next().unwrap_or("it says nothing").to_owned();
        return Err(Failure::usage(format!("git cannot tell what has changed in {}: {said}", folder.display())));
    }
    let names = ran.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| OsStr::from_bytes(name).to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.arg("-C").arg(folder.path()).args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(words);
            assert!(command.status().expect("git is there").success(), "git {words:?}");
        };
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("its folder is there");
        };
        std::fs::create_dir(folder.path().join("sub")).expect("it is new");
        write("same.py", "1");
        write("sub/changed ü.py", "1");
        write(".gitignore", "*.log\n");
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "one"]);
        write("sub/changed ü.py", "2");
        write("sub/new.py", "1");
        write("noise.log", "1");
        folder
    }

    #[test]
    fn new_and_changed_files_are_named_as_the_folder_sees_them() {
        let folder = repository();
        let files = |folder: &Path| changed_files(folder, "HEAD").map_err(|failure| format!("{failure:?}"));
        assert_eq!(files(folder.path()), Ok(vec!["sub/changed ü.py".to_owned(), "sub/new.py".to_owned()]));
        assert_eq!(files(&folder.path().join("sub")), Ok(vec!["changed ü.py".to_owned(), "new.py".to_owned()]));
    }

    #[test]
    fn a_commit_that_is_not_there_is_an_error_and_no_option() {
        let folder = repository();
        assert!(changed_files(folder.path(), "nothing").is_err());
        assert!(changed_files(folder.path(), "--output=x").is_err());
        assert!(!folder.path().join("x").exists());
    }

    #[test]
    fn without_the_flag_nothing_is_asked_for() {
        assert_eq!(Stress::default().spec(Path::new("/nowhere")).ok(), Some(None));
        let stress = Stress { stress_new: Some(3), changed_since: None };
        assert_eq!(stress.spec(Path::new("/nowhere")).ok(), Some(Some(StressSpec { times: 3, changed: Vec::new() })));
    }
}
