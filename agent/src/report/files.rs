//! Files beneath a directory, by patterns.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Files cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A pattern cannot be read.
    #[error("`{pattern}` is not a pattern for files: {why}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is too much to look through.
    #[error(
        "more than {limit} files and folders lie beneath `{}`: begin the patterns with the folder in which the files are",
        .directory.display()
    )]
    TooMany {
        /// Where.
        directory: PathBuf,
        /// The limit.
        limit: usize,
    },
}

/// The files beneath `directory` that match one of `patterns`, each relative to it: `*` matches within a name, `**` any
/// folders, `?` one character, `{a,b}` either. Links are not followed out of their folder. Sorted by name.
///
/// # Errors
/// If a pattern is wrong or leads out of the directory, or if there is too much to look through.
pub fn matching_files(directory: &Path, patterns: &[String]) -> Result<BTreeSet<PathBuf>, FilesError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let pattern = pattern.trim_start_matches("./");
        let glob = compile(pattern)?;
        let start = directory.join(fixed_part(pattern));
        let mut entries_left = ENTRIES_MAX;
        walk(directory, &start, &glob, &mut entries_left, &mut found)
            .map_err(|()| FilesError::TooMany { directory: start.clone(), limit: ENTRIES_MAX })?;
    }
    Ok(found)
}

fn compile(pattern: &str) -> Result<GlobSet, FilesError> {
    let error = |why: &dyn std::fmt::Display| FilesError::Pattern { pattern: pattern.to_owned(), why: why.to_string() };
    if pattern.is_empty() || pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
        return Err(error(&"it has to lead to files beneath the job's directory"));
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(|cause| error(&cause))?;
    GlobSetBuilder::new().add(glob).build().map_err(|cause| error(&cause))
}

/// The folders that the pattern names before its first wildcard.
fn fixed_part(pattern: &str) -> PathBuf {
    let (folders, _) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    folders.split('/').take_while(|part| !part.contains(['*', '?', '[', '{', '\\'])).collect()
}

fn walk(
    root: &Path,
    folder: &Path,
    glob: &GlobSet,
    entries_left: &mut usize,
    found: &mut BTreeSet<PathBuf>,
) -> Result<(), ()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder that is not there, or that cannot be read, has no results.
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.filter_map(Result::ok) {
            *entries_left = entries_left.checked_sub(1).ok_or(())?;
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                folders.push(path);
            } else if path.is_file() && path.strip_prefix(root).is_ok_and(|relative| glob.is_match(relative)) {
                found.insert(path);
            }
        }
    }
    Ok(())
}

/// Files and folders that are looked at for one pattern.
const ENTRIES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_beneath_the_directory_only() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join("out/deep")).expect("folders");
        for name in ["out/a.xml", "out/deep/b.xml", "c.xml", "out/d.txt"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        let find = |pattern: &str| -> Vec<String> {
            let found = matching_files(folder.path(), &[pattern.to_owned()]).expect("a good pattern");
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap_or(path).display().to_string()).collect()
        };
        assert_eq!(find("out/*.xml"), ["out/a.xml"]);
        assert_eq!(find("**/*.xml"), ["c.xml", "out/a.xml", "out/deep/b.xml"]);
        assert_eq!(find("./out/d.txt"), ["out/d.txt"]);
        assert_eq!(find("nowhere/*.xml"), [""; 0]);
        for bad in ["../*.xml", "/etc/*", "", "a[", "out/../../x"] {
            assert!(matching_files(folder.path(), &[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
