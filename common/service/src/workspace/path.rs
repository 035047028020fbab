//! [`TreePath`]: where something is beneath a root.

use std::fmt;

use muster_common::limits::{FILE_NAME_BYTES_MAX, PATH_BYTES_MAX, PATH_DEPTH_MAX};

/// A path beneath a root: names parted by `/`, none of them `.` or `..`. The empty path is the root itself.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// Text is not a path that stays beneath its root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is not a path inside a workspace: {problem}")]
pub struct PathError {
    path: String,
    problem: &'static str,
}

impl TreePath {
    /// The root itself.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// A path as people write it: `./a//b/` is `a/b`.
    ///
    /// # Errors
    /// If it is absolute, has `..` in it, or is over a limit.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::new(text, "it begins with `/`"));
        }
        let names = text.split('/').filter(|name| !name.is_empty() && *name != ".");
        names.take(PATH_DEPTH_MAX + 1).try_fold(Self::root(), |path, name| path.join(name))
    }

    /// The path of `name` in this directory.
    ///
    /// # Errors
    /// If `name` is not the name of a directory's entry, or the path is over a limit.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        let mut path = String::with_capacity(self.0.len() + 1 + name.len());
        path.push_str(&self.0);
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        let problem = if name.is_empty() {
            "a name in it is empty"
        } else if name == "." || name == ".." {
            "`.` and `..` are not names"
        } else if name.contains(['/', '\0']) {
            "a name in it holds `/` or a zero byte"
        } else if name.len() > FILE_NAME_BYTES_MAX {
            "a name in it is longer than 255 bytes"
        } else if path.len() > PATH_BYTES_MAX {
            "it is longer than 4096 bytes"
        } else if self.depth() == PATH_DEPTH_MAX {
            "it is more than 256 folders deep"
        } else {
            return Ok(Self(path));
        };
        Err(PathError::new(&path, problem))
    }

    /// This path with all names of `other` after it.
    ///
    /// # Errors
    /// If it is over a limit.
    pub fn join_path(&self, other: &Self) -> Result<Self, PathError> {
        other.names().try_fold(self.clone(), |path, name| path.join(name))
    }

    /// Whether this is the root itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that it is in; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            Some((parent, _)) => Some(Self(parent.to_owned())),
            None if self.is_root() => None,
            None => Some(Self::root()),
        }
    }

    /// Its name in that directory; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// All its names, from the root on.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn depth(&self) -> usize {
        self.names().count()
    }
}

impl PathError {
    fn new(path: &str, problem: &'static str) -> Self {
        Self { path: path.chars().take(SHOWN_CHARS_MAX).collect(), problem }
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

const SHOWN_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_brought_into_one_form() {
        for (text, path) in
            [("", ""), (".", ""), ("./a//b/", "a/b"), ("a", "a"), ("ä b/…", "ä b/…"), ("..a/b..", "..a/b..")]
        {
            assert_eq!(TreePath::parse(text).map(|path| path.as_str().to_owned()), Ok(path.to_owned()));
        }
    }

    #[test]
    fn what_does_not_stay_inside_is_refused() {
        let (long_name, long_path, deep) = ("n".repeat(256), "name/".repeat(900), "d/".repeat(257));
        for text in ["/", "/a", "..", "a/../b", "a/..", "a\0b", &long_name, &long_path, &deep] {
            assert!(TreePath::parse(text).is_err(), "{text}");
        }
        for name in ["", ".", "..", "a/b", "/", "a\0"] {
            assert!(TreePath::root().join(name).is_err(), "{name}");
        }
    }

    #[test]
    fn parents_lead_to_the_root() {
        let path = TreePath::parse("a/b").expect("it stays inside");
        let parent = path.parent().expect("it is not the root");
        assert_eq!((parent.as_str(), path.name()), ("a", "b"));
        assert_eq!(parent.parent(), Some(TreePath::root()));
        assert_eq!(TreePath::root().parent(), None);
    }
}
