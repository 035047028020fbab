//! Text and bytes cut to size, so that the beginning and the end can still be read.

use std::collections::VecDeque;

use muster_common::control::Output;
use muster_common::limits::{TEST_MESSAGE_BYTES_MAX, TEST_OUTPUT_BYTES_MAX};

/// `text` as a test's message: at most its limit, cut at a character.
pub(crate) fn message(text: &str) -> String {
    let text = text.trim();
    if text.len() <= TEST_MESSAGE_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(TEST_MESSAGE_BYTES_MAX - LEFT_OUT.len());
    format!("{}{LEFT_OUT}", &text[..end])
}

/// `bytes` as a test's output: at most its limit, beginning and end kept.
pub(crate) fn output(bytes: Vec<u8>) -> Output {
    if bytes.is_empty() {
        return Output::None;
    }
    if bytes.len() <= TEST_OUTPUT_BYTES_MAX {
        return Output::Inline(bytes);
    }
    let note = format!("\n[... {} bytes left out ...]\n", bytes.len() - TEST_OUTPUT_BYTES_MAX);
    let half = (TEST_OUTPUT_BYTES_MAX - note.len()) / 2;
    let mut kept = bytes[..half].to_vec();
    kept.extend_from_slice(note.as_bytes());
    kept.extend_from_slice(&bytes[bytes.len() - half..]);
    Output::Inline(kept)
}

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(TAIL_BYTES_MAX)..];
        let over = (self.bytes.len() + kept.len()).saturating_sub(TAIL_BYTES_MAX);
        self.bytes.drain(..over);
        self.bytes.extend(kept);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// Its last lines, as the end of a sentence: empty, or a colon, a line break and the lines.
    pub(crate) fn quoted(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes()).trim().to_owned();
        if text.is_empty() {
            return String::new();
        }
        let start = text.ceil_char_boundary(text.len().saturating_sub(QUOTED_BYTES_MAX));
        format!(":\n{}", &text[start..])
    }
}

/// The beginning and the end of a stream, in bounded memory.
#[derive(Debug, Default)]
pub(crate) struct Clip {
    head: Vec<u8>,
    tail: Tail,
    bytes_in_all: usize,
}

impl Clip {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes_in_all += bytes.len();
        let room = CLIP_HEAD_BYTES_MAX - self.head.len();
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(head);
        self.tail.push(rest);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let (mut bytes, tail) = (self.head, self.tail.bytes());
        let left_out = self.bytes_in_all - bytes.len() - tail.len();
        if left_out > 0 {
            bytes.extend_from_slice(format!("\n[... {left_out} bytes left out ...]\n").as_bytes());
        }
        bytes.extend(tail);
        bytes
    }
}

const LEFT_OUT: &str = " [...]";
const TAIL_BYTES_MAX: usize = 16 << 10;
const CLIP_HEAD_BYTES_MAX: usize = 15 << 10;
const QUOTED_BYTES_MAX: usize = 3 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_keeps_its_beginning_and_end_within_the_limit() {
        let mut bytes = b"first".to_vec();
        bytes.resize(TEST_OUTPUT_BYTES_MAX * 2, b'.');
        bytes.extend_from_slice(b"last");
        let Output::Inline(kept) = output(bytes) else { panic!("inline") };
        assert!(kept.len() <= TEST_OUTPUT_BYTES_MAX && kept.starts_with(b"first") && kept.ends_with(b"last"));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let text = message(&"é".repeat(TEST_MESSAGE_BYTES_MAX));
        assert!(text.len() <= TEST_MESSAGE_BYTES_MAX && text.ends_with(LEFT_OUT));
    }

    #[test]
    fn a_tail_forgets_the_beginning() {
        let mut tail = Tail::default();
        tail.push(&[b'a'; TAIL_BYTES_MAX]);
        tail.push(b"end");
        assert_eq!(tail.bytes().len(), TAIL_BYTES_MAX);
        assert!(tail.bytes().ends_with(b"aend"));
    }
}
