//! Cutting a line into arguments.

/// The arguments of `line`: cut at spaces outside of quotes. `'…'` is taken as it is; in `"…"` and outside of quotes `\`
/// takes the next character as it is. Nothing else is special. None, if a quote is not closed.
pub(super) fn cut(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(rest.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_line_is_cut_at_spaces_outside_of_quotes() {
        let table: &[(&str, Option<&[&str]>)] = &[
            ("", Some(&[])),
            ("  -m  x ", Some(&["-m", "x"])),
            (r#"-m "not slow" --k='a b'"#, Some(&["-m", "not slow", "--k=a b"])),
            (r#"a\ b "c\"d" '\'"#, Some(&["a b", "c\"d", "\\"])),
            ("''", Some(&[""])),
            ("'open", None),
            ("end\\", None),
        ];
        for (line, expected) in table {
            let expected = expected.map(|words| words.iter().map(|word| (*word).to_owned()).collect());
            assert_eq!(cut(line), expected, "{line}");
        }
    }
}
