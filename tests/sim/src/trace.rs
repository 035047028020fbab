//! What happened, for people to read, and a digest of it that is the same for the same seed.

use std::fmt;

/// A trace. The digest is always kept, the text only where somebody wants to read it.
#[derive(Debug)]
pub struct Trace {
    text: Option<String>,
    digest: u64,
}

impl Trace {
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { text: is_kept.then(String::new), digest: FNV_BASIS }
    }

    /// Whether text is kept.
    pub(crate) const fn is_kept(&self) -> bool {
        self.text.is_some()
    }

    /// Takes numbers into the digest.
    pub(crate) fn mix(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.digest = (self.digest ^ number).wrapping_mul(FNV_PRIME).rotate_left(23);
        }
    }

    /// Adds a line.
    pub(crate) fn say(&mut self, micros: u64, line: fmt::Arguments<'_>) {
        let Some(text) = &mut self.text else { return };
        let line = format!("{:>6}.{:06} {line}\n", micros / 1_000_000, micros % 1_000_000);
        for byte in line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        text.push_str(&line);
    }

    /// The digest of everything so far.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The text, if it was kept.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}

/// Adds a line to a world's trace, if it is kept.
macro_rules! trace {
    ($env:expr, $($arg:tt)*) => {
        if $env.trace.is_kept() {
            let micros = $env.now;
            $env.trace.say(micros, format_args!($($arg)*));
        }
    };
}
pub(crate) use trace;

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
