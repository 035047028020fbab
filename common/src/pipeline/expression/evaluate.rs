//! Computing the texts of a [`crate::spec::RunSpec`] where they are needed.

use super::context::Context;
use super::fold::fold;
use super::parser::parse;
use super::syntax::{Expression, ExpressionError, Kind};
use super::template::Template;
use super::value::Value;

/// Whether the condition `text` (with or without `${{ }}` around it) holds.
///
/// Where it asks for no status, `success() &&` is implied, as in GitHub Actions: `always()` is what runs in any case.
///
/// # Errors
/// If `text` is not an expression, uses a name that does not exist, or cannot be computed.
pub fn evaluate_condition(text: &str, context: &Context) -> Result<bool, ExpressionError> {
    let expression = parse(Template::unwrapped(text))?;
    if !context.status.is_success && !expression.asks_for_status() {
        return Ok(false);
    }
    Ok(evaluate(&expression, context)?.is_true())
}

/// `text` with every `${{ … }}` in it computed.
///
/// # Errors
/// If something in it is not an expression, uses a name that does not exist, or cannot be computed.
pub fn interpolate(text: &str, context: &Context) -> Result<String, ExpressionError> {
    if !text.contains("${{") {
        return Ok(text.to_owned());
    }
    Template::parse(text)?.render(|expression| Ok(evaluate(expression, context)?.to_text()))
}

/// Whether `text` is a condition that can be read. Says nothing about jobs and steps that it names.
///
/// # Errors
/// If it is none.
pub fn check_condition(text: &str) -> Result<(), ExpressionError> {
    parse(Template::unwrapped(text)).map(|_| ())
}

/// Whether every `${{ … }}` in `text` can be read. Says nothing about jobs and steps that they name.
///
/// # Errors
/// If one cannot.
pub fn check_text(text: &str) -> Result<(), ExpressionError> {
    if !text.contains("${{") {
        return Ok(());
    }
    Template::parse(text).map(|_| ())
}

fn evaluate(expression: &Expression, context: &Context) -> Result<Value, ExpressionError> {
    let folded = fold(expression, context)?;
    match folded.kind {
        Kind::Literal(value) => Ok(value),
        Kind::Context(_)
        | Kind::Access(..)
        | Kind::Call(..)
        | Kind::Not(_)
        | Kind::All(_)
        | Kind::Any(_)
        | Kind::Compare(..) => {
            let message = "this uses `matrix`, which is known only while a pipeline file is compiled";
            Err(ExpressionError::new(folded.place, message))
        }
    }
}
