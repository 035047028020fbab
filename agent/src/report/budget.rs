//! How much memory the names of a report may take.
//!
//! A subtest carries the names of what it belongs to, so a small file can ask for much: a long name around a hundred
//! thousand subtests.

/// What is left.
pub(super) struct NameBudget {
    bytes_left: usize,
}

impl NameBudget {
    /// Takes room for `bytes`.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.ok_or_else(|| format!("its names take more than {NAME_BYTES_MAX} bytes in all"))?;
        Ok(())
    }
}

impl Default for NameBudget {
    fn default() -> Self {
        Self { bytes_left: NAME_BYTES_MAX }
    }
}

/// Bytes of all names of a report, those of ancestors counted once for each test.
const NAME_BYTES_MAX: usize = 512 << 20;
