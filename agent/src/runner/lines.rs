//! A stream of bytes by lines, with a bound on each.

/// Splits a stream into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    is_cut: bool,
    line_bytes_max: usize,
}

/// One line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its bytes, at most the bound.
    pub(crate) bytes: Vec<u8>,
    /// Whether it was longer than the bound.
    pub(crate) is_cut: bool,
}

impl Lines {
    pub(crate) const fn new(line_bytes_max: usize) -> Self {
        Self { partial: Vec::new(), is_cut: false, line_bytes_max }
    }

    /// The lines that `bytes` complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        let mut complete = Vec::new();
        while let Some(piece) = pieces.next() {
            let room = self.line_bytes_max - self.partial.len();
            self.is_cut |= piece.len() > room;
            self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if pieces.peek().is_some() {
                complete.push(self.take());
            }
        }
        complete
    }

    /// What has come of a line that is not complete.
    pub(crate) fn partial(&self) -> &[u8] {
        &self.partial
    }

    fn take(&mut self) -> Line {
        Line { bytes: std::mem::take(&mut self.partial), is_cut: std::mem::take(&mut self.is_cut) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_across_chunks_and_cut_at_the_bound() {
        let mut lines = Lines::new(4);
        assert_eq!(lines.push(b"a"), []);
        let line = |text: &str, is_cut| Line { bytes: text.into(), is_cut };
        assert_eq!(lines.push(b"b\n\nabcdef"), [line("ab", false), line("", false)]);
        assert_eq!(lines.push(b"gh\nx"), [line("abcd", true)]);
        assert_eq!(lines.partial(), b"x");
    }
}
