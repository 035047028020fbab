//! Which CI system a command runs in.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use super::Ci;
use super::buildkite::Buildkite;
use super::github::Github;
use super::gitlab::Gitlab;

/// The CI systems by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiName {
    /// The one whose variables are set
    #[default]
    Auto,
    /// None: nothing is written for any
    None,
    /// GitHub Actions: annotations and step summary
    Github,
    /// GitLab CI: sections in the log
    Gitlab,
    /// Buildkite: groups in the log, and an annotation
    Buildkite,
}

/// What the variables of this process say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    is_github: bool,
    is_gitlab: bool,
    is_buildkite: bool,
    github_workspace: Option<PathBuf>,
    github_step_summary: Option<PathBuf>,
    gitlab_project_dir: Option<PathBuf>,
    buildkite_checkout: Option<PathBuf>,
}

impl Environment {
    /// Of this process.
    pub(crate) fn of_process() -> Self {
        let is_true = |name| std::env::var(name).is_ok_and(|value| value == "true");
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            is_github: is_true("GITHUB_ACTIONS"),
            is_gitlab: is_true("GITLAB_CI"),
            is_buildkite: is_true("BUILDKITE"),
            github_workspace: path("GITHUB_WORKSPACE"),
            github_step_summary: path("GITHUB_STEP_SUMMARY"),
            gitlab_project_dir: path("CI_PROJECT_DIR"),
            buildkite_checkout: path("BUILDKITE_BUILD_CHECKOUT_PATH"),
        }
    }

    /// The system that `name` chooses here.
    pub(crate) fn choose(self, name: CiName) -> Option<Arc<dyn Ci>> {
        match name {
            CiName::None => None,
            CiName::Github => Some(Arc::new(Github::new(self.github_workspace, self.github_step_summary))),
            CiName::Gitlab => Some(Arc::new(Gitlab::new(self.gitlab_project_dir))),
            CiName::Buildkite => Some(Arc::new(Buildkite::new(self.buildkite_checkout))),
            CiName::Auto if self.is_github => self.choose(CiName::Github),
            CiName::Auto if self.is_gitlab => self.choose(CiName::Gitlab),
            CiName::Auto if self.is_buildkite => self.choose(CiName::Buildkite),
            CiName::Auto => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_choose_unless_somebody_does() {
        assert!(Environment::default().choose(CiName::Auto).is_none());
        let buildkite = Environment { is_buildkite: true, ..Environment::default() };
        assert!(buildkite.clone().choose(CiName::Auto).is_some_and(|ci| ci.begin().starts_with("--- ")));
        assert!(buildkite.clone().choose(CiName::None).is_none());
        assert!(buildkite.choose(CiName::Github).is_some_and(|ci| ci.begin().starts_with("::stop-commands::")));
    }
}
