//! Matrices, and the values in them.

use super::fields::Reader;
use crate::pipeline::diagnostic::{Diagnostic, DiagnosticCode, shown};
use crate::pipeline::expression::Value;
use crate::pipeline::file::{Combination, Matrix};
use crate::pipeline::node::{Entry, Node, NodeKind, Scalar, ScalarKind};
use crate::pipeline::place::At;

impl Reader {
    pub(super) fn matrix(&mut self, entry: &Entry) -> Option<Matrix> {
        if self.is_dynamic(&entry.value) {
            return None;
        }
        let entries = self.entries(&entry.value, "`matrix`", "a mapping of names to lists of values")?;
        let mut matrix = Matrix { place: entry.key.span, axes: Vec::new(), include: Vec::new(), exclude: Vec::new() };
        for entry in entries {
            match entry.key.value.as_str() {
                "include" => matrix.include = self.combinations(entry),
                "exclude" => matrix.exclude = self.combinations(entry),
                _ => {
                    self.check_identifier(&entry.key, "a matrix value");
                    let values = self.axis(entry);
                    matrix.axes.push((entry.key.clone(), values));
                }
            }
        }
        Some(matrix)
    }

    fn axis(&mut self, entry: &Entry) -> Vec<At<Value>> {
        let what = shown(&entry.key.value);
        if self.is_dynamic(&entry.value) {
            return Vec::new();
        }
        let Some(items) = self.items(&entry.value, &what, "a list of values") else { return Vec::new() };
        if items.is_empty() {
            let message = format!("the list of {what} in the matrix is empty");
            let diagnostic = Diagnostic::new(DiagnosticCode::BadValue, entry.value.span, message);
            self.found.push(diagnostic.label("expected at least one value"));
        }
        items.iter().map(|item| At::new(self.value(item), item.span)).collect()
    }

    fn combinations(&mut self, entry: &Entry) -> Vec<Combination> {
        let what = shown(&entry.key.value);
        if self.is_dynamic(&entry.value) {
            return Vec::new();
        }
        let Some(items) = self.items(&entry.value, &what, "a list of mappings") else { return Vec::new() };
        let mut combinations = Vec::new();
        for item in items {
            let Some(entries) = self.entries(item, &format!("an item of {what}"), "a mapping of names to values")
            else {
                continue;
            };
            let mut combination = Combination::new();
            for entry in entries {
                self.check_identifier(&entry.key, "a matrix value");
                combination.push((entry.key.clone(), At::new(self.value(&entry.value), entry.value.span)));
            }
            combinations.push(combination);
        }
        combinations
    }

    fn value(&mut self, node: &Node) -> Value {
        if self.is_dynamic(node) {
            return Value::Null;
        }
        match &node.kind {
            NodeKind::Scalar(scalar) => self.scalar(node, scalar),
            NodeKind::List(items) => Value::Array(items.iter().map(|item| self.value(item)).collect()),
            NodeKind::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.value.clone(), self.value(&entry.value))).collect())
            }
        }
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar) -> Value {
        match scalar.kind {
            ScalarKind::Null => Value::Null,
            ScalarKind::Bool(value) => Value::Bool(value),
            ScalarKind::Text => Value::Text(scalar.text.clone()),
            ScalarKind::Number(number) => {
                let value = Value::Number(number);
                let seen = value.to_text();
                if seen != scalar.text {
                    let message = format!("{} is the number {seen} in YAML", shown(&scalar.text));
                    self.found.push(
                        Diagnostic::new(DiagnosticCode::BadValue, node.span, message)
                            .label("would lose how it is written")
                            .help(format!("write '{}' if a text is meant, {seen} if the number is", scalar.text)),
                    );
                }
                value
            }
        }
    }

    /// Reports a value that is to be computed: what jobs there are must be known when a run is submitted.
    fn is_dynamic(&mut self, node: &Node) -> bool {
        let NodeKind::Scalar(scalar) = &node.kind else { return false };
        if !scalar.text.contains("${{") {
            return false;
        }
        self.found.push(
            Diagnostic::new(DiagnosticCode::Unsupported, node.span, "a matrix cannot be computed by expressions yet")
                .label("expected plain values")
                .help("what jobs a run has must be known when it is submitted; write the values down"),
        );
        true
    }
}
