//! Exact selection by nextest's filterset language.

use std::fmt::Write as _;

/// The expression that holds for exactly the test `test` of `binary`.
pub(super) fn exactly(binary: &str, test: &str) -> String {
    format!("binary_id(={}) & test(={})", escaped(binary), escaped(test))
}

/// A name with everything that the language could read otherwise written by its number.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '_' | ':' | '-') {
            escaped.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_written_by_numbers() {
        assert_eq!(exactly("a::bin/b", "t::x (1)"), r"binary_id(=a::bin\u{2f}b) & test(=t::x\u{20}\u{28}1\u{29})");
    }
}
