//! Lists a directory as it is to be sent: all of it but what its ignore files name.
//!
//! `.gitignore` and `.musterignore` files count in every folder, inside a git repository (then also those of the folders
//! above, up to the repository's own) and outside of one. `.musterignore` is written in the same way and is stronger.
//! A user's global ignore file does not count, so that one directory gives one workspace for everybody. `.git` itself is
//! never taken. What git has under control although an ignore file names it is taken, as a checkout would have it.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use super::listing::{Entry, EntryKind, ListError, Listing};
use super::path::TreePath;

/// What to leave out of a workspace, beyond what ignore files say.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Files and folders, by absolute path. Muster's own data directory, where it is inside the workspace, say.
    pub left_out: Vec<PathBuf>,
}

/// Lists the directory `root`. Blocks. The order is always the same.
///
/// # Errors
/// If anything in it cannot be read or cannot be in a workspace.
pub fn scan(root: &Path, options: &ScanOptions) -> Result<Listing, ListError> {
    let mut listing = Listing::default();
    let mut seen = HashSet::new();
    for entry in walk(root, options) {
        let entry = entry.map_err(|error| read_error(root, error))?;
        if entry.depth() > 0 {
            let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
            add(&mut listing, &mut seen, root, relative)?;
        }
    }
    for relative in tracked_although_ignored(root) {
        let is_left_out = options.left_out.iter().any(|path| root.join(&relative).starts_with(path));
        if !is_left_out && is_reached_without_links(root, &relative) {
            add(&mut listing, &mut seen, root, &relative)?;
        }
    }
    listing.check_links()?;
    Ok(listing)
}

fn walk(root: &Path, options: &ScanOptions) -> ignore::Walk {
    let is_in_repository = root.ancestors().any(|folder| folder.join(".git").exists());
    let left_out = options.left_out.clone();
    WalkBuilder::new(root)
        .standard_filters(false)
        .hidden(false)
        .parents(is_in_repository)
        .git_ignore(true)
        .git_exclude(is_in_repository)
        .require_git(is_in_repository)
        .add_custom_ignore_filename(".musterignore")
        .follow_links(false)
        .sort_by_file_name(|one, other| one.as_bytes().cmp(other.as_bytes()))
        .filter_entry(move |entry| is_wanted(entry, &left_out))
        .build()
}

fn is_wanted(entry: &DirEntry, left_out: &[PathBuf]) -> bool {
    entry.depth() == 0 || (entry.file_name() != ".git" && !left_out.iter().any(|path| path == entry.path()))
}

fn add(listing: &mut Listing, seen: &mut HashSet<TreePath>, root: &Path, relative: &Path) -> Result<(), ListError> {
    let full = root.join(relative);
    let error = |source| ListError::Read { path: full.display().to_string(), source };
    let text = relative.to_str().ok_or_else(|| ListError::NotUtf8(full.display().to_string()))?;
    let path = TreePath::parse(text)?;
    let file_type = full.symlink_metadata().map_err(error)?.file_type();
    let kind = if file_type.is_dir() {
        EntryKind::Directory
    } else if file_type.is_file() {
        EntryKind::File
    } else if file_type.is_symlink() {
        let target = full.read_link().map_err(error)?;
        let target = target.to_str().ok_or_else(|| ListError::TargetNotUtf8(full.display().to_string()))?;
        EntryKind::Link(target.to_owned())
    } else {
        debug_assert!(
            file_type.is_socket() || file_type.is_fifo() || file_type.is_block_device() || file_type.is_char_device()
        );
        listing.left_out.push(path.to_string());
        return Ok(());
    };
    if seen.insert(path.clone()) {
        listing.push(Entry { path, kind }, root)?;
    }
    Ok(())
}

/// Files that git has under control beneath `root` although an ignore file names them. None without a repository, and
/// none if git is not installed: it is only asked, never needed.
fn tracked_although_ignored(root: &Path) -> Vec<PathBuf> {
    if !root.ancestors().any(|folder| folder.join(".git").exists()) {
        return Vec::new();
    }
    let listed = std::process::Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--ignored", "--exclude-standard"])
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output();
    match listed {
        Ok(output) if output.status.success() => output
            .stdout
            .split(|byte| *byte == 0)
            .filter(|path| !path.is_empty())
            .map(|path| PathBuf::from(std::ffi::OsStr::from_bytes(path)))
            .collect(),
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// Whether it is there, and all folders on the way to it are folders.
fn is_reached_without_links(root: &Path, relative: &Path) -> bool {
    let folders = || relative.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    root.join(relative).symlink_metadata().is_ok()
        && folders().all(|folder| root.join(folder).symlink_metadata().is_ok_and(|status| status.is_dir()))
}

fn read_error(root: &Path, error: ignore::Error) -> ListError {
    let text = error.to_string();
    let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other(text));
    ListError::Read { path: root.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn listed(root: &Path) -> Result<Vec<String>, ListError> {
        let listing = scan(root, &ScanOptions::default())?;
        Ok(listing.entries.iter().map(|entry| entry.path.to_string()).collect())
    }

    fn write(root: &Path, files: &[(&str, &str)]) -> std::io::Result<()> {
        for (path, content) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("it is beneath the root"))?;
            fs::write(path, content)?;
        }
        Ok(())
    }

    #[test]
    fn ignore_files_count_outside_of_a_repository() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        write(
            root.path(),
            &[
                (".gitignore", "*.log\n/out/\n"),
                (".musterignore", "big.bin\n!kept.log\n"),
                (".hidden", ""),
                ("a.log", ""),
                ("kept.log", ""),
                ("big.bin", ""),
                ("out/x", ""),
                ("sub/.gitignore", "!b.log\nlocal\n"),
                ("sub/b.log", ""),
                ("sub/local", ""),
                ("sub/out/y", ""),
                (".ignore", "sub\n"),
                (".git/config", ""),
                ("sub/.git", ""),
            ],
        )?;
        assert_eq!(
            listed(root.path())?,
            [
                ".gitignore",
                ".hidden",
                ".ignore",
                ".musterignore",
                "kept.log",
                "sub",
                "sub/.gitignore",
                "sub/b.log",
                "sub/out",
                "sub/out/y"
            ]
        );
        Ok(())
    }

    #[test]
    fn ignore_files_above_count_up_to_the_repository_and_no_further() -> anyhow::Result<()> {
        let above = tempfile::tempdir()?;
        write(above.path(), &[(".gitignore", "*\n"), ("repo/.git/HEAD", ""), ("repo/.gitignore", "*.log\n")])?;
        write(above.path(), &[("repo/sub/a.log", ""), ("repo/sub/b", ""), ("plain/c", "")])?;
        assert_eq!(listed(&above.path().join("repo/sub"))?, ["b"]);
        assert_eq!(listed(&above.path().join("plain"))?, ["c"]);
        Ok(())
    }

    #[test]
    fn what_git_controls_is_taken_although_it_is_ignored() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        write(root.path(), &[(".gitignore", "*.log\n"), ("d/kept.log", ""), ("d/other.log", ""), ("d/gone.log", "")])?;
        let git = |args: &[&str]| std::process::Command::new("git").arg("-C").arg(root.path()).args(args).output();
        if git(&["init"]).is_err() {
            // Without git there is no such thing.
            return Ok(());
        }
        git(&["add", "--force", "d/kept.log", "d/gone.log"])?;
        fs::remove_file(root.path().join("d/gone.log"))?;
        assert_eq!(listed(root.path())?, [".gitignore", "d", "d/kept.log"]);
        Ok(())
    }

    #[test]
    fn links_that_lead_out_are_refused_by_name() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        write(root.path(), &[("d/file", "")])?;
        symlink("file", root.path().join("d/inside"))?;
        assert_eq!(listed(root.path())?, ["d", "d/file", "d/inside"]);
        symlink("/etc/passwd", root.path().join("d/absolute"))?;
        symlink("../../x", root.path().join("d/up"))?;
        let error = listed(root.path()).expect_err("two links lead out").to_string();
        assert!(error.contains("d/absolute -> /etc/passwd") && error.contains("d/up -> ../../x"), "{error}");
        Ok(())
    }

    #[test]
    fn what_has_no_content_is_left_out_and_listed() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        write(root.path(), &[("file", "")])?;
        nix::unistd::mkfifo(&root.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU)?;
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket"))?;
        let listing = scan(root.path(), &ScanOptions::default())?;
        assert_eq!(listing.left_out, ["pipe", "socket"]);
        assert_eq!(listing.entries.len(), 1);
        Ok(())
    }

    #[test]
    fn names_that_are_not_utf8_are_refused() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"a\xff")), "")?;
        assert!(matches!(listed(root.path()), Err(ListError::NotUtf8(_))));
        Ok(())
    }

    #[test]
    fn folders_can_be_left_out() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        write(root.path(), &[("data/x", ""), ("a", "")])?;
        let options = ScanOptions { left_out: vec![root.path().join("data")] };
        assert_eq!(scan(root.path(), &options)?.entries.len(), 1);
        Ok(())
    }
}
