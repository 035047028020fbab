//! A build tree that stands at another place than it was made at.
//!
//! CMake writes whole paths into the files that CTest reads. Where the tree's cache names another place than this one, those
//! files are rewritten: the old place of the tree, and of the sources around it, by the new.

use std::path::{Path, PathBuf};

use crate::runner::failure::RunnerFailure;

/// Sees to it that CTest finds the tests of the tree in `tree` there.
pub(super) fn settle(tree: &Path) -> Result<(), RunnerFailure> {
    let cache = tree.join("CMakeCache.txt");
    let Ok(text) = std::fs::read_to_string(&cache) else { return Ok(()) };
    let value =
        |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.split_once('=').map(|(_, value)| value));
    let Some(old) = value("CMAKE_CACHEFILE_DIR:") else { return Ok(()) };
    let new = tree.canonicalize().map_err(|error| RunnerFailure::file("open", tree, &error))?;
    if Path::new(old) == new {
        return Ok(());
    }
    let mut moves = vec![(old.to_owned(), new.display().to_string())];
    if let Some((old_sources, new_sources)) = sources(value("CMAKE_HOME_DIRECTORY:"), Path::new(old), &new) {
        moves.push((old_sources, new_sources));
    }
    let mut folders = vec![new.clone()];
    let mut entries_left = ENTRIES_MAX;
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| RunnerFailure::file("look into", &folder, &error))?;
        for entry in entries.filter_map(Result::ok) {
            let Some(left) = entries_left.checked_sub(1) else { return Ok(()) };
            entries_left = left;
            let (path, kind) = (entry.path(), entry.file_type());
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                folders.push(path);
            } else if kind.is_ok_and(|kind| kind.is_file()) && is_read_by_ctest(&path) {
                rewrite(&path, &moves)?;
            }
        }
    }
    rewrite(&cache, &moves[..1])
}

/// Where the sources were and are, if the tree lies within them.
fn sources(home: Option<&str>, old: &Path, new: &Path) -> Option<(String, String)> {
    let home = home?;
    let within = old.strip_prefix(home).ok()?;
    let above: PathBuf = new.ancestors().nth(within.components().count())?.to_owned();
    new.ends_with(within).then(|| (home.to_owned(), above.display().to_string()))
}

fn is_read_by_ctest(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name == "CTestTestfile.cmake"
        || (name.ends_with(".cmake") && (name.contains("_tests") || name.contains("_include")))
}

fn rewrite(file: &Path, moves: &[(String, String)]) -> Result<(), RunnerFailure> {
    let text = std::fs::read_to_string(file).map_err(|error| RunnerFailure::file("read", file, &error))?;
    let moved = moves.iter().fold(text, |text, (old, new)| text.replace(old, new));
    std::fs::write(file, moved).map_err(|error| RunnerFailure::file("write", file, &error))
}

const ENTRIES_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_from_elsewhere_is_made_at_home() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("it is there");
        let tree = root.join("build");
        std::fs::create_dir_all(tree.join("sub")).expect("folders");
        let cache = "CMAKE_CACHEFILE_DIR:INTERNAL=/old/place/build\nCMAKE_HOME_DIRECTORY:INTERNAL=/old/place\n";
        std::fs::write(tree.join("CMakeCache.txt"), cache).expect("a file");
        let tests = tree.join("sub/CTestTestfile.cmake");
        std::fs::write(&tests, "add_test(a \"/old/place/build/sub/a\" \"/old/place/data\")\n").expect("a file");
        settle(&tree).expect("it can be written");
        let (tree, root) = (tree.display(), root.display());
        let text = std::fs::read_to_string(&tests).expect("a file");
        assert_eq!(text, format!("add_test(a \"{tree}/sub/a\" \"{root}/data\")\n"));
        settle(Path::new(&tree.to_string())).expect("it stands where it is");
        assert_eq!(std::fs::read_to_string(&tests).expect("a file"), text);
    }
}
