//! What is seen of a stopped process from outside.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::libc;

/// A process, by what the proc file system shows of it.
#[derive(Debug)]
pub(crate) struct Process {
    id: i32,
    memory: File,
}

impl Process {
    /// The process as it is now; after it executes another program it must be opened anew.
    pub(crate) fn open(id: i32) -> Result<Self> {
        let memory = File::open(format!("/proc/{id}/mem")).context("cannot read the memory of the recorded process")?;
        Ok(Self { id, memory })
    }

    /// So many bytes at an address.
    pub(crate) fn bytes(&self, address: u64, length: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length)?];
        self.memory.read_exact_at(&mut bytes, address).context("cannot read what is being written")?;
        Ok(bytes)
    }

    /// The first `length` bytes of a list of buffers, as `writev` takes it.
    pub(crate) fn gathered(&self, list: u64, buffers: u64, length: u64) -> Result<Vec<u8>> {
        let mut gathered = Vec::new();
        for pair in self.bytes(list, buffers * 16)?.chunks_exact(16) {
            let (address, bytes) = pair.split_at(8);
            let number = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes);
            let bytes = number(bytes)?.min(length - gathered.len() as u64);
            gathered.extend(self.bytes(number(address)?, bytes)?);
        }
        Ok(gathered)
    }

    /// The absolute path that a system call was given.
    pub(crate) fn path(&self, directory: u64, address: u64) -> Result<PathBuf> {
        let given = self.text(address)?;
        #[expect(clippy::cast_possible_truncation, reason = "the kernel reads the lower half of the register")]
        let base = match directory as i32 {
            libc::AT_FDCWD => fs::read_link(format!("/proc/{}/cwd", self.id))?,
            descriptor => fs::read_link(format!("/proc/{}/fd/{descriptor}", self.id)).unwrap_or_default(),
        };
        Ok(base.join(given))
    }

    /// Where a descriptor leads.
    pub(crate) fn opened(&self, descriptor: u64) -> Result<PathBuf> {
        Ok(fs::read_link(self.descriptor(descriptor))?)
    }

    /// How far a descriptor has been read or written.
    pub(crate) fn position(&self, descriptor: u64) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/fdinfo/{descriptor}", self.id))?;
        let position = text.lines().find_map(|line| line.strip_prefix("pos:"));
        Ok(position.context("fdinfo has no position")?.trim().parse()?)
    }

    /// What a file holds that the process has open.
    pub(crate) fn content(&self, descriptor: u64, offset: u64, length: u64) -> Result<Vec<u8>> {
        let file = File::open(self.descriptor(descriptor))?;
        let mut content = vec![0; usize::try_from(length)?];
        file.read_exact_at(&mut content, offset)?;
        Ok(content)
    }

    fn descriptor(&self, descriptor: u64) -> PathBuf {
        Path::new("/proc").join(self.id.to_string()).join("fd").join(descriptor.to_string())
    }

    fn text(&self, address: u64) -> Result<String> {
        let mut text = Vec::new();
        while text.len() < PATH_BYTES_MAX {
            let from = address + text.len() as u64;
            // Not over the end of a page, behind which there may be nothing.
            let piece = self.bytes(from, PAGE_BYTES - from % PAGE_BYTES)?;
            if let Some(end) = piece.iter().position(|byte| *byte == 0) {
                text.extend_from_slice(&piece[..end]);
                return Ok(String::from_utf8(text)?);
            }
            text.extend(piece);
        }
        bail!("a path has more than {PATH_BYTES_MAX} bytes");
    }
}

const PAGE_BYTES: u64 = 4096;
const PATH_BYTES_MAX: usize = 4096;
