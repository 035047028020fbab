//! Lists what patterns name beneath a directory, whether or not ignore files name it too.
//!
//! A pattern is a path in which `*` and `?` match within a name, `**` any number of folders, `[…]` one character and
//! `{a,b}` alternatives. A pattern that matches a folder takes all that is in it. Links are taken, not followed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::hashing::shown;
use super::listing::{Entry, EntryKind, ListError, Listing};
use super::path::TreePath;
use super::root::{Directory, NameKind, Root};

/// Lists what `patterns` name beneath `root`. Blocks.
///
/// # Errors
/// If a pattern is none or leads out, nothing is found by any of them, or something found cannot be read or handed over.
pub fn collect(root: &Root, patterns: &[String]) -> Result<Listing, ListError> {
    let parsed = patterns.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let wanted = glob_set(&parsed)?;
    let mut walk = Walk { root, wanted, listing: Listing::default(), seen: HashSet::new() };
    let mut starts: Vec<&TreePath> = parsed.iter().map(|pattern| &pattern.fixed).collect();
    starts.sort_unstable();
    starts.dedup();
    for start in starts {
        walk.start(start)?;
    }
    let has_content = |entry: &Entry| match entry.kind {
        EntryKind::File | EntryKind::Link(_) => true,
        EntryKind::Directory => false,
    };
    if !walk.listing.entries.iter().any(has_content) {
        return Err(ListError::NothingFound(patterns.to_vec()));
    }
    walk.listing.check_links()?;
    Ok(walk.listing)
}

struct Pattern {
    /// The pattern in one form, without `./` and a `/` at its end.
    text: String,
    /// The folders that it begins with before anything that matches more than one name.
    fixed: TreePath,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, ListError> {
        let path = TreePath::parse(text)?;
        let mut fixed = TreePath::root();
        for name in path.names().take_while(|name| !name.contains(['*', '?', '[', ']', '{', '}', '\\'])) {
            fixed = fixed.join(name)?;
        }
        Ok(Self { text: path.as_str().to_owned(), fixed })
    }
}

fn glob_set(patterns: &[Pattern]) -> Result<GlobSet, ListError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let error = |error: globset::Error| ListError::Pattern {
            pattern: pattern.text.clone(),
            problem: error.kind().to_string(),
        };
        let glob = GlobBuilder::new(&pattern.text).literal_separator(true).backslash_escape(true).build();
        set.add(glob.map_err(error)?);
    }
    set.build().map_err(|error| ListError::Pattern { pattern: String::new(), problem: error.kind().to_string() })
}

struct Walk<'a> {
    root: &'a Root,
    wanted: GlobSet,
    listing: Listing,
    seen: HashSet<TreePath>,
}

impl Walk<'_> {
    /// Goes through what is at and beneath `start`. Nothing there is nothing found.
    fn start(&mut self, start: &TreePath) -> Result<(), ListError> {
        let Some(parent) = start.parent() else {
            let is_whole_wanted = self.wanted.is_match("");
            return self.directory(start, is_whole_wanted);
        };
        let found = self.root.directory(&parent).and_then(|parent| Ok((parent.kind(start.name())?, parent)));
        let (kind, directory) = match found {
            Ok(found) => found,
            Err(error) if is_absence(&error) => return Ok(()),
            Err(source) => return Err(self.read_error(start, source)),
        };
        let is_wanted = (1..=start.names().count()).any(|depth| {
            let names: Vec<&str> = start.names().take(depth).collect();
            self.wanted.is_match(names.join("/"))
        });
        self.entry(&directory, start.clone(), kind, is_wanted)
    }

    fn directory(&mut self, path: &TreePath, is_wanted: bool) -> Result<(), ListError> {
        let read = |error| ListError::Read { path: shown(self.root, path), source: error };
        let directory = self.root.directory(path).map_err(read)?;
        for (name, kind) in directory.names().map_err(read)? {
            let child = match name.to_str() {
                Some(name) => path.join(name)?,
                None if is_wanted => return Err(ListError::NotUtf8(self.shown_in(path, &name))),
                // No pattern can name it.
                None => continue,
            };
            let is_wanted = is_wanted || self.wanted.is_match(child.as_str());
            self.entry(&directory, child, kind, is_wanted)?;
        }
        Ok(())
    }

    fn entry(&mut self, parent: &Directory, path: TreePath, kind: NameKind, is_wanted: bool) -> Result<(), ListError> {
        let taken = match kind {
            NameKind::Directory => {
                if is_wanted {
                    self.take(path.clone(), EntryKind::Directory)?;
                }
                return self.directory(&path, is_wanted);
            }
            NameKind::Special if is_wanted => {
                self.listing.left_out.push(path.to_string());
                return Ok(());
            }
            _ if !is_wanted => return Ok(()),
            NameKind::File | NameKind::Special => EntryKind::File,
            NameKind::Link => {
                let target = parent.link_target(path.name()).map_err(|error| self.read_error(&path, error))?;
                let target = target.to_str().ok_or_else(|| ListError::TargetNotUtf8(shown(self.root, &path)))?;
                EntryKind::Link(target.to_owned())
            }
        };
        self.take(path, taken)
    }

    fn take(&mut self, path: TreePath, kind: EntryKind) -> Result<(), ListError> {
        if self.seen.insert(path.clone()) {
            self.listing.push(Entry { path, kind }, self.root.path())?;
        }
        Ok(())
    }

    fn read_error(&self, path: &TreePath, source: io::Error) -> ListError {
        ListError::Read { path: shown(self.root, path), source }
    }

    fn shown_in(&self, path: &TreePath, name: &OsStr) -> String {
        self.root.path().join(path.as_str()).join(name).display().to_string()
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(nix::libc::ELOOP)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn collected(root: &Path, patterns: &[&str]) -> Result<Vec<String>, ListError> {
        let root = Root::open(root).expect("the test has just made it");
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let mut paths: Vec<String> =
            collect(&root, &patterns)?.entries.iter().map(|entry| entry.path.to_string()).collect();
        paths.sort_unstable();
        Ok(paths)
    }

    fn example() -> io::Result<tempfile::TempDir> {
        let root = tempfile::tempdir()?;
        for path in ["a.xml", "target/nextest/ci/junit.xml", "target/debug/app", "target/debug/deps/x.d", ".gitignore"]
        {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("it is beneath the root"))?;
            fs::write(path, "target\n")?;
        }
        fs::create_dir(root.path().join("target/empty"))?;
        Ok(root)
    }

    #[test]
    fn patterns_find_files_and_whole_folders_ignored_ones_too() -> anyhow::Result<()> {
        let root = example()?;
        for (patterns, found) in [
            (&["a.xml"][..], &["a.xml"][..]),
            (&["*.xml"], &["a.xml"]),
            (&["**/*.xml"], &["a.xml", "target/nextest/ci/junit.xml"]),
            (&["./target/debug/"], &["target/debug", "target/debug/app", "target/debug/deps", "target/debug/deps/x.d"]),
            (&["target/*/app", "target/debug/app", "nothing/*"], &["target/debug/app"]),
            (&["target/{debug,release}/a?p"], &["target/debug/app"]),
            (
                &["target/debug", "target/**/app"],
                &["target/debug", "target/debug/app", "target/debug/deps", "target/debug/deps/x.d"],
            ),
        ] {
            assert_eq!(collected(root.path(), patterns)?, found, "{patterns:?}");
        }
        assert_eq!(collected(root.path(), &["."])?.len(), 11);
        Ok(())
    }

    #[test]
    fn nothing_found_and_patterns_that_lead_out_are_errors() -> anyhow::Result<()> {
        let root = example()?;
        assert!(matches!(collected(root.path(), &["none/*.xml", "b"]), Err(ListError::NothingFound(_))));
        assert!(matches!(collected(root.path(), &["target/empty"]), Err(ListError::NothingFound(_))));
        assert!(matches!(collected(root.path(), &["../*"]), Err(ListError::Path(_))));
        assert!(matches!(collected(root.path(), &["/etc/passwd"]), Err(ListError::Path(_))));
        assert!(matches!(collected(root.path(), &["a[x"]), Err(ListError::Pattern { .. })));
        Ok(())
    }

    #[test]
    fn links_are_taken_and_not_followed() -> anyhow::Result<()> {
        let root = example()?;
        std::os::unix::fs::symlink("target", root.path().join("link"))?;
        assert_eq!(collected(root.path(), &["link"])?, ["link"]);
        assert!(matches!(collected(root.path(), &["link/debug/app"]), Err(ListError::NothingFound(_))));
        std::os::unix::fs::symlink("/etc", root.path().join("etc"))?;
        assert!(matches!(collected(root.path(), &["etc/passwd"]), Err(ListError::NothingFound(_))));
        assert!(matches!(collected(root.path(), &["et*"]), Err(ListError::LinksEscape(_))));
        Ok(())
    }
}
