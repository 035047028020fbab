//! From tokens to an expression, by recursive descent: `||` binds weakest, then `&&`, comparisons, `!`, access.

use super::lexer::{Token, TokenKind, tokens};
use super::names::{ContextName, Function};
use super::syntax::{Comparison, Expression, ExpressionError, Kind, Place, Segment};
use super::value::Value;

/// The expression that `text` is.
pub(crate) fn parse(text: &str) -> Result<Expression, ExpressionError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0, depth: 0 };
    if parser.peek().kind == TokenKind::End {
        return Err(ExpressionError::new(0..text.len(), "this expression is empty"));
    }
    let expression = parser.any_of()?;
    match parser.peek() {
        Token { kind: TokenKind::End, .. } => Ok(expression),
        unexpected => Err(parser.unexpected(unexpected, "an operator or the end of the expression")),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    next: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn any_of(&mut self) -> Result<Expression, ExpressionError> {
        self.nested(|parser| {
            let mut parts = vec![parser.all_of()?];
            while parser.take("||") {
                parts.push(parser.all_of()?);
            }
            Ok(chained(parts, Kind::Any))
        })
    }

    fn all_of(&mut self) -> Result<Expression, ExpressionError> {
        let mut parts = vec![self.comparison()?];
        while self.take("&&") {
            parts.push(self.comparison()?);
        }
        Ok(chained(parts, Kind::All))
    }

    fn comparison(&mut self) -> Result<Expression, ExpressionError> {
        let mut left = self.negation()?;
        let mut count = 0;
        while let Some(comparison) = self.take_comparison() {
            let right = self.negation()?;
            count += 1;
            if count > COMPARISONS_MAX {
                return Err(too_deep(right.place));
            }
            let place = left.place.start..right.place.end;
            left = Expression { place, kind: Kind::Compare(comparison, Box::new(left), Box::new(right)) };
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expression, ExpressionError> {
        let start = self.peek().place.start;
        if !self.take("!") {
            return self.access();
        }
        self.nested(|parser| {
            let inner = parser.negation()?;
            Ok(Expression { place: start..inner.place.end, kind: Kind::Not(Box::new(inner)) })
        })
    }

    fn access(&mut self) -> Result<Expression, ExpressionError> {
        let base = self.primary()?;
        let mut segments = Vec::new();
        loop {
            if self.take(".") {
                segments.push(self.member()?);
            } else if self.take("[") {
                segments.push(self.index()?);
            } else {
                break;
            }
        }
        if segments.is_empty() {
            return Ok(base);
        }
        let place = base.place.start..self.tokens[self.next - 1].place.end;
        Ok(Expression { place, kind: Kind::Access(Box::new(base), segments) })
    }

    fn member(&mut self) -> Result<Segment, ExpressionError> {
        let token = self.advance();
        match &token.kind {
            TokenKind::Word(word) => Ok(Segment::Key(word.clone(), token.place.clone())),
            TokenKind::Symbol("*") => Ok(Segment::All(token.place.clone())),
            TokenKind::Text(_) | TokenKind::Number(_) | TokenKind::Symbol(_) | TokenKind::End => {
                Err(self.unexpected(token, "a name or `*` after `.`"))
            }
        }
    }

    fn index(&mut self) -> Result<Segment, ExpressionError> {
        let place = self.peek().place.clone();
        let segment = if self.take("*") { Segment::All(place) } else { Segment::Index(self.any_of()?) };
        self.expect("]")?;
        Ok(segment)
    }

    fn primary(&mut self) -> Result<Expression, ExpressionError> {
        let token = self.advance();
        let place = token.place.clone();
        match &token.kind {
            TokenKind::Text(text) => Ok(Expression::literal(Value::Text(text.clone()), place)),
            TokenKind::Number(number) => Ok(Expression::literal(Value::Number(*number), place)),
            TokenKind::Word(word) if self.take("(") => self.call(word, place),
            TokenKind::Word(word) => match word.as_str() {
                "true" => Ok(Expression::literal(Value::Bool(true), place)),
                "false" => Ok(Expression::literal(Value::Bool(false), place)),
                "null" => Ok(Expression::literal(Value::Null, place)),
                _ => {
                    let kind = Kind::Context(context(word, place.clone())?);
                    Ok(Expression { place, kind })
                }
            },
            TokenKind::Symbol("(") => {
                let inner = self.any_of()?;
                self.expect(")")?;
                Ok(Expression { place: place.start..self.tokens[self.next - 1].place.end, kind: inner.kind })
            }
            TokenKind::Symbol(_) | TokenKind::End => Err(self.unexpected(token, "a value")),
        }
    }

    fn call(&mut self, word: &str, name: Place) -> Result<Expression, ExpressionError> {
        let function = Function::parse(word, name.clone())?;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.any_of()?);
                if !self.take(",") {
                    self.expect(")")?;
                    break;
                }
            }
        }
        let place = name.start..self.tokens[self.next - 1].place.end;
        function.check_arguments(arguments.len(), place.clone())?;
        Ok(Expression { place, kind: Kind::Call(function, arguments) })
    }

    fn take_comparison(&mut self) -> Option<Comparison> {
        let TokenKind::Symbol(symbol) = self.peek().kind else { return None };
        let comparison = match symbol {
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.next += 1;
        Some(comparison)
    }

    /// Runs `part` one level deeper, or refuses: the parser and all that walk its result recurse.
    fn nested(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<Expression, ExpressionError>,
    ) -> Result<Expression, ExpressionError> {
        if self.depth == DEPTH_MAX {
            return Err(too_deep(self.peek().place.clone()));
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    fn peek(&self) -> &'t Token {
        &self.tokens[self.next]
    }

    /// The next token; the last one, `End`, again and again.
    fn advance(&mut self) -> &'t Token {
        let token = &self.tokens[self.next];
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let is_next = self.peek().kind == TokenKind::Symbol(symbol);
        self.next += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ExpressionError> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(self.unexpected(self.peek(), &format!("`{symbol}`")))
    }

    #[expect(clippy::unused_self, reason = "reads as a question to the parser")]
    fn unexpected(&self, found: &Token, expected: &str) -> ExpressionError {
        let what = match &found.kind {
            TokenKind::Word(word) => format!("`{word}`"),
            TokenKind::Text(_) => "a text".to_owned(),
            TokenKind::Number(number) => format!("`{number}`"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            TokenKind::End => "the end of the expression".to_owned(),
        };
        ExpressionError::new(found.place.clone(), format!("expected {expected}, found {what}"))
    }
}

fn context(word: &str, place: Place) -> Result<ContextName, ExpressionError> {
    let is_function = Function::ALL.iter().any(|function| function.word().eq_ignore_ascii_case(word));
    if is_function {
        return Err(ExpressionError::new(place, format!("`{word}` is a function")).help(format!("call it: `{word}()`")));
    }
    ContextName::parse(word, place)
}

fn chained(mut parts: Vec<Expression>, chain: impl FnOnce(Vec<Expression>) -> Kind) -> Expression {
    match (parts.first(), parts.last()) {
        (Some(first), Some(last)) if parts.len() > 1 => {
            Expression { place: first.place.start..last.place.end, kind: chain(parts) }
        }
        _ => parts.pop().expect("a chain begins with one part"),
    }
}

fn too_deep(place: Place) -> ExpressionError {
    ExpressionError::new(place, "this expression is nested too deeply").help("compute it in a step and use its output")
}

/// Levels of parentheses, arguments, indexes and `!`.
const DEPTH_MAX: usize = 32;
/// Comparisons in a row, such as `a == b == c`.
const COMPARISONS_MAX: usize = 8;
