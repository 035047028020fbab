//! Computing the texts of a file as far as they are known when it is compiled.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::diagnostic::{Diagnostic, DiagnosticCode};
use super::expression::{
    ContextName, Expression, ExpressionError, Kind, Part, Resolver, Status, Template, Value, fold, parse, print,
};
use super::place::{At, part_of};
use super::scope::{Names, Rules, check};

/// What is known of one job when its file is compiled.
struct Known<'k> {
    matrix: &'k Value,
    /// None, where variables are known only later: a step may change what its job says.
    env: Option<&'k BTreeMap<String, String>>,
}

/// What a condition has become.
#[derive(Debug, PartialEq)]
pub(super) enum Condition {
    /// Nothing is to be asked but that everything before passed.
    OnSuccess,
    /// To be computed later.
    Ask(String),
}

/// Everything that computing a text needs, and where its errors go.
pub(super) struct Texts<'t> {
    pub(super) source: &'t str,
    /// Values of the job's combination.
    pub(super) matrix: &'t Value,
    /// Variables with plain values, of the run and the job.
    pub(super) env: &'t BTreeMap<String, String>,
    pub(super) names: &'t Names<'t>,
    pub(super) found: &'t mut Vec<Diagnostic>,
    /// Counts the expressions that are computed.
    pub(super) computed: &'t Cell<usize>,
}

impl Texts<'_> {
    /// `text` with everything computed that is known; what is left stays as `${{ … }}`.
    pub(super) fn text(&mut self, text: &At<String>, rules: &Rules) -> String {
        let computed = self.compute(&text.value, rules);
        computed.unwrap_or_else(|error| self.report(text, error))
    }

    /// The condition that `text` is.
    pub(super) fn condition(&mut self, text: &At<String>, rules: &Rules) -> Condition {
        let inner = Template::unwrapped(&text.value);
        let offset = text.value.find(inner).unwrap_or(0);
        match self.compute_condition(inner, rules) {
            Ok(condition) => condition,
            Err(error) => {
                self.report(text, error.shifted(offset));
                Condition::OnSuccess
            }
        }
    }

    /// The same where other names are there to be named.
    pub(super) fn with_names<'n>(&'n mut self, names: &'n Names<'n>) -> Texts<'n> {
        Texts {
            source: self.source,
            matrix: self.matrix,
            env: self.env,
            names,
            found: &mut *self.found,
            computed: self.computed,
        }
    }

    fn compute(&self, text: &str, rules: &Rules) -> Result<String, ExpressionError> {
        if !text.contains("${{") {
            return Ok(text.to_owned());
        }
        let template = Template::parse(text)?;
        self.computed.set(self.computed.get() + template.parts.len());
        let is_later = !rules.known_later.is_empty();
        let written: Vec<&str> = template
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Plain(_) => None,
                Part::Computed(_, place) => Some(&text[place.clone()]),
            })
            .collect();
        let mut next = written.into_iter();
        template.render(|expression| {
            let written = next.next().unwrap_or_default();
            check(expression, rules, self.names)?;
            let folded = fold(expression, &self.known(rules))?;
            check_left(&folded, rules)?;
            Ok(match &folded.kind {
                Kind::Literal(value) => {
                    let value = value.to_text();
                    if is_later && Template::could_be_misread(&value) { Template::quoted(&value) } else { value }
                }
                _ if folded == *expression => written.to_owned(),
                _ => format!("${{{{ {} }}}}", print(&folded)),
            })
        })
    }

    fn compute_condition(&self, text: &str, rules: &Rules) -> Result<Condition, ExpressionError> {
        if text.contains("${{") {
            return Err(ExpressionError::new(
                0..text.len(),
                "an `if` is one expression, not a text with expressions in it",
            )
            .help(
                "such a text is never empty and would always hold; write `${{` once, around everything, or not at all",
            ));
        }
        let expression = parse(text)?;
        check(&expression, rules, self.names)?;
        let folded = fold(&expression, &self.known(rules))?;
        check_left(&folded, rules)?;
        let asks = expression.asks_for_status();
        Ok(match &folded.kind {
            Kind::Literal(value) if value.is_true() && !asks => Condition::OnSuccess,
            Kind::Literal(value) if value.is_true() => Condition::Ask("always()".to_owned()),
            Kind::Literal(_) => Condition::Ask("false".to_owned()),
            _ if folded == expression => Condition::Ask(text.trim().to_owned()),
            // What was folded away must not bring back the implied `success()`.
            _ if asks && !folded.asks_for_status() => Condition::Ask(format!("always() && ({})", print(&folded))),
            _ => Condition::Ask(print(&folded)),
        })
    }

    fn known(&self, rules: &Rules) -> Known<'_> {
        let is_env_known = !rules.known_later.contains(&ContextName::Env);
        Known { matrix: self.matrix, env: is_env_known.then_some(self.env) }
    }

    fn report(&mut self, text: &At<String>, error: ExpressionError) -> String {
        let span = part_of(self.source, text, &error.place);
        let mut diagnostic = Diagnostic::new(DiagnosticCode::Expression, span, error.message);
        diagnostic.help.extend(error.help);
        self.found.push(diagnostic);
        String::new()
    }
}

/// Refuses what is left in an expression that nobody will know later either.
fn check_left(folded: &Expression, rules: &Rules) -> Result<(), ExpressionError> {
    let mut result = Ok(());
    folded.walk(&mut |part| {
        let context = match &part.kind {
            Kind::Context(name) => Some(name),
            Kind::Access(base, _) => match &base.kind {
                Kind::Context(name) => Some(name),
                _ => None,
            },
            _ => None,
        };
        let is_unknown = context.is_some_and(|name| !rules.known_later.contains(name));
        if is_unknown && result.is_ok() {
            let message = format!("`{}` is not known in {}", print(part), rules.place);
            result = Err(ExpressionError::new(part.place.clone(), message)
                .help("known are variables that the pipeline, this job or `--env` sets to a plain value"));
        }
    });
    result
}

impl Resolver for Known<'_> {
    fn context(&self, name: ContextName) -> Option<Value> {
        match name {
            ContextName::Matrix => Some(self.matrix.clone()),
            ContextName::Env | ContextName::Needs | ContextName::Steps | ContextName::Muster => None,
        }
    }

    fn member(&self, name: ContextName, key: &str) -> Option<Value> {
        match name {
            ContextName::Matrix => Some(self.matrix.get(key).cloned().unwrap_or(Value::Null)),
            ContextName::Env => self.env?.get(key).map(|text| Value::Text(text.clone())),
            ContextName::Needs | ContextName::Steps | ContextName::Muster => None,
        }
    }

    fn status(&self) -> Option<Status> {
        None
    }
}
