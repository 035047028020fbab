//! A small file system on a loop device, to be filled.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted ext4 file system; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    directory: PathBuf,
}

impl SmallDisk {
    /// Makes an image of this size, an ext4 file system in it, and mounts it on the directory.
    ///
    /// # Panics
    /// If one of them cannot be done: the tests need root and mkfs.ext4.
    #[must_use]
    pub fn mount(image: &Path, directory: &Path, mebibytes: u32) -> Self {
        let file = File::create(image).expect("the image can be made");
        file.set_len(u64::from(mebibytes) << 20).expect("the image can be made");
        fs::create_dir_all(directory).expect("the mount point can be made");
        // Nothing is reserved for root: full is full for everyone.
        must(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(image));
        must(Command::new("mount").args(["-o", "loop"]).arg(image).arg(directory));
        Self { directory: directory.to_owned() }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.directory).status();
    }
}

/// A file that takes all the room that is left in a directory, until it is removed.
#[derive(Debug)]
pub struct Filler {
    path: PathBuf,
}

impl Filler {
    /// Writes until nothing more fits.
    ///
    /// # Panics
    /// If writing fails otherwise.
    #[must_use]
    pub fn fill(directory: &Path) -> Self {
        let path = directory.join("filler");
        let filler = Self { path: path.clone() };
        let mut file = File::create(path).expect("an empty file fits");
        let mut piece = vec![0x5a; 1 << 20];
        while !piece.is_empty() {
            match file.write(&piece) {
                Ok(_) => {}
                // What is left is taken in ever smaller pieces.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
                Err(error) => panic!("the disk cannot be filled: {error}"),
            }
        }
        // Room that was promised to what is not written yet may come back now.
        file.sync_all().expect("what was written is kept");
        filler
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn must(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
