//! From the text of an expression to its tokens.

use super::syntax::{ExpressionError, Place};

/// A token with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) place: Place,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Word(String),
    Text(String),
    Number(f64),
    Symbol(&'static str),
    /// After the last.
    End,
}

/// All tokens of `text`; the last is [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let message = format!("expression is longer than {EXPRESSION_BYTES_MAX} bytes");
        return Err(ExpressionError::new(0..0, message));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, end) = token(text, at, first)?;
        tokens.push(Token { place: at..end, kind });
        at = end;
    }
    tokens.push(Token { place: text.len()..text.len(), kind: TokenKind::End });
    Ok(tokens)
}

fn token(text: &str, at: usize, first: char) -> Result<(TokenKind, usize), ExpressionError> {
    let rest = &text[at..];
    if first == '\'' {
        return quoted(text, at);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        return Ok((TokenKind::Word(rest[..length].to_owned()), at + length));
    }
    let after = rest.chars().nth(1);
    let is_number = first.is_ascii_digit()
        || matches!(first, '-' | '+') && after.is_some_and(|c| c.is_ascii_digit() || c == '.')
        || first == '.' && after.is_some_and(|c| c.is_ascii_digit());
    if first.is_ascii() && is_number {
        return number(rest, at);
    }
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        return Ok((TokenKind::Symbol(symbol), at + symbol.len()));
    }
    Err(unknown_character(first, at))
}

fn quoted(text: &str, at: usize) -> Result<(TokenKind, usize), ExpressionError> {
    let mut value = String::new();
    let mut rest = &text[at + 1..];
    loop {
        let Some(end) = rest.find('\'') else {
            let error = ExpressionError::new(at..text.len(), "this text has no closing `'`");
            return Err(error.help("a `'` inside a text is written twice: 'it''s'"));
        };
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((TokenKind::Text(value), text.len() - rest.len())),
        }
    }
}

fn number(rest: &str, at: usize) -> Result<(TokenKind, usize), ExpressionError> {
    let mut previous = ' ';
    let length = rest
        .find(|c: char| {
            let is_part = is_word(c) && c != '-' || c == '.' || matches!(c, '-' | '+') && is_before_sign(previous);
            previous = c;
            !is_part
        })
        .unwrap_or(rest.len());
    let written = &rest[..length];
    match super::value::parse_number(written) {
        Some(number) => Ok((TokenKind::Number(number), at + length)),
        None => Err(ExpressionError::new(at..at + length, format!("`{written}` is not a number"))
            .help(format!("a text stands in single quotes: '{written}'"))),
    }
}

/// Whether a sign may follow: at the beginning, or after the `e` of an exponent.
const fn is_before_sign(previous: char) -> bool {
    matches!(previous, ' ' | 'e' | 'E')
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn unknown_character(found: char, at: usize) -> ExpressionError {
    let place = at..at + found.len_utf8();
    match found {
        '"' => ExpressionError::new(place, "texts stand in single quotes, not in double ones")
            .help("write 'text' instead of \"text\""),
        '=' => ExpressionError::new(place, "unexpected `=`").help("two values are compared with `==`"),
        '&' => ExpressionError::new(place, "unexpected `&`").help("both: `&&`"),
        '|' => ExpressionError::new(place, "unexpected `|`").help("one of two: `||`"),
        '+' | '-' | '/' | '%' => ExpressionError::new(place, format!("unexpected `{found}`"))
            .help("expressions do not calculate; do it in a step's script"),
        _ => ExpressionError::new(place, format!("unexpected character {found:?}")),
    }
}

/// Longer ones first where one begins with another.
const SYMBOLS: &[&str] = &["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ".", ",", "*"];

/// Bytes of one expression.
const EXPRESSION_BYTES_MAX: usize = 16 << 10;
