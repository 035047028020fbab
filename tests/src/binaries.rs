//! Where Muster's binaries are.

use std::path::PathBuf;

/// The path of a binary of this workspace, built with the same profile as the running test.
///
/// # Panics
/// If it is not built. `cargo xtask test` builds all of them before it tests.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let mut folder = test.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") {
        folder = folder.parent().expect("`deps` lies in the profile's folder");
    }
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is not built: `cargo xtask test` builds all binaries, or run `cargo build --workspace --bins`",
        path.display()
    );
    path
}
