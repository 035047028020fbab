//! Expressions: what stands between `${{` and `}}`, and in `if`.
//!
//! The language is that of GitHub Actions: literals, `== != < > <= >= && || !`, parentheses, property access, the loose
//! equality (numbers where the kinds differ, strings without regard to case), and the functions of [`Function`]. It is
//! pure and total: there are no loops, and every size is bounded, so an expression ends with a value or an error.
//!
//! What a file's matrix and plain variables decide is computed when the file is compiled; the rest stays as text in the
//! [`crate::spec::RunSpec`] and is computed where the job runs, by [`evaluate_condition`] and [`interpolate`].

mod access;
mod context;
mod evaluate;
mod fold;
mod function;
mod lexer;
mod names;
mod parser;
mod print;
mod syntax;
mod template;
mod value;

pub use context::{Context, MusterContext, NeedContext, Status, StepContext};
pub use evaluate::{check_condition, check_text, evaluate_condition, interpolate};
pub use names::{ContextName, Function};
pub use syntax::ExpressionError;
pub use value::Value;

pub(crate) use fold::{Resolver, fold};
pub(crate) use parser::parse;
pub(crate) use print::print;
pub(crate) use syntax::{Expression, Kind, Segment};
pub(crate) use template::{Part, Template};

#[cfg(test)]
mod tests;
