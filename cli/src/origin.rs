//! [`Origin`]: what a report does not say of its tests: how their ids are built, and where their files are.

use std::collections::BTreeMap;
use std::path::Path;

use muster_common::spec::{RunSpec, Work};

use crate::client::Client;
use crate::output::junit::RunnerKind;

/// By job number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// What runs the tests.
    pub(crate) runners: BTreeMap<u32, RunnerKind>,
    /// The folder in which the runner runs, as seen from the top of the repository, with a slash at its end.
    folders: BTreeMap<u32, String>,
}

impl Origin {
    /// Of a run whose workspace is the folder `prefix` of the repository; empty: all of it.
    pub(crate) fn of(spec: &RunSpec, prefix: &str) -> Self {
        let folders = (0..).zip(&spec.jobs).filter_map(|(number, job)| match &job.work {
            Work::Tests(tests) => {
                let inner = tests.working_directory.as_deref().unwrap_or_default();
                Some((number, joined(prefix, inner)))
            }
            Work::Steps(_) | Work::TestBuild(_) => None,
        });
        Self { runners: RunnerKind::of_jobs(spec), folders: folders.collect() }
    }

    /// Of a run that was submitted by somebody else; as much as can be had.
    pub(crate) async fn of_run(client: &Client, run: u64) -> Self {
        match client.spec(run).await {
            Ok(spec) => Self::of(&spec, ""),
            Err(error) => {
                tracing::debug!(%error, run, "what the run was asked to do cannot be had");
                Self::default()
            }
        }
    }

    /// The path of a job's file as seen from the top of the repository.
    pub(crate) fn path(&self, job: u32, file: &str) -> String {
        format!("{}{file}", self.folders.get(&job).map_or("", String::as_str))
    }
}

/// The folder `folder` as seen from `top`, where it lies beneath it.
pub(crate) fn beneath(top: Option<&Path>, folder: &Path) -> String {
    let top = top.and_then(|top| top.canonicalize().ok());
    let relative = top.as_deref().and_then(|top| folder.strip_prefix(top).ok());
    relative.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}

fn joined(outer: &str, inner: &str) -> String {
    let parts = [outer, inner].into_iter().flat_map(|part| part.split('/'));
    parts.filter(|part| !part.is_empty() && *part != ".").map(|part| format!("{part}/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_joined_without_dots() {
        assert_eq!(joined("", ""), "");
        assert_eq!(joined("apps/shop", "./sub/"), "apps/shop/sub/");
        assert_eq!(joined("", "sub"), "sub/");
    }

    #[test]
    fn a_folder_outside_of_the_top_has_no_prefix() {
        let top = tempfile::tempdir().expect("a temporary folder can be made");
        let folder = top.path().canonicalize().expect("it is there").join("apps/shop");
        assert_eq!(beneath(Some(top.path()), &folder), "apps/shop");
        assert_eq!(beneath(Some(&top.path().join("missing")), &folder), "");
        assert_eq!(beneath(None, &folder), "");
    }
}
