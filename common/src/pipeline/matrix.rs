//! The combinations of a matrix, in the way of GitHub Actions: all combinations of the lists, less `exclude`, each with
//! what `include` adds to it, then those that `include` makes.

use super::diagnostic::{Diagnostic, DiagnosticCode, shown};
use super::expression::Value;
use super::file::{self, Matrix};
use super::suggestion::nearest;
use crate::limits::MATRIX_COMBINATIONS_MAX;

/// One combination: what `matrix` stands for in one job.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Combination {
    /// Names and values in order.
    pub(super) values: Vec<(String, Value)>,
    /// How many of them come from the lists; those `include` may not change.
    original_count: usize,
}

impl Combination {
    /// What stands in parentheses after the job's name: `3.12, linux`.
    pub(super) fn label(&self) -> String {
        let mut words = Vec::new();
        for (_, value) in &self.values {
            collect_words(value, &mut words);
        }
        words.join(", ")
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    fn set(&mut self, name: &str, value: &Value) {
        match self.values.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value.clone(),
            None => self.values.push((name.to_owned(), value.clone())),
        }
    }

    fn is_original(&self, name: &str) -> bool {
        self.values.iter().take(self.original_count).any(|(key, _)| key == name)
    }
}

/// All combinations of `matrix`, at least one.
pub(super) fn expand(matrix: &Matrix) -> Result<Vec<Combination>, Diagnostic> {
    check_names(matrix)?;
    let mut combinations = product(matrix)?;
    combinations.retain(|combination| !matrix.exclude.iter().any(|entry| is_excluded(combination, entry)));
    let from_lists = combinations.len();
    for entry in &matrix.include {
        let mut is_taken = false;
        for combination in &mut combinations[..from_lists] {
            let fits = entry.iter().all(|(name, value)| {
                !combination.is_original(&name.value) || combination.get(&name.value) == Some(&value.value)
            });
            if fits {
                is_taken = true;
                entry.iter().for_each(|(name, value)| combination.set(&name.value, &value.value));
            }
        }
        if !is_taken {
            let values = entry.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect();
            combinations.push(Combination { values, original_count: 0 });
        }
    }
    match combinations.len() {
        0 => Err(Diagnostic::new(DiagnosticCode::BadValue, matrix.place, "the matrix has no combination")
            .label("expected a list of values, or `include`")),
        count if count > MATRIX_COMBINATIONS_MAX => Err(too_many(matrix, count)),
        _ => Ok(combinations),
    }
}

fn check_names(matrix: &Matrix) -> Result<(), Diagnostic> {
    let names: Vec<&str> = matrix.axes.iter().map(|(name, _)| name.value.as_str()).collect();
    for (name, _) in matrix.exclude.iter().flatten() {
        if !names.contains(&name.value.as_str()) {
            let message = format!("`exclude` names {}, which the matrix does not have", shown(&name.value));
            return Err(Diagnostic::new(DiagnosticCode::UnknownName, name.span, message)
                .label(format!("expected one of: {}", names.join(", ")))
                .did_you_mean(nearest(&name.value, names.iter().copied())));
        }
    }
    Ok(())
}

fn product(matrix: &Matrix) -> Result<Vec<Combination>, Diagnostic> {
    if matrix.axes.is_empty() {
        return Ok(Vec::new());
    }
    let count = matrix.axes.iter().fold(1_usize, |count, (_, values)| count.saturating_mul(values.len()));
    // Leaves room for `exclude`, and bounds the work.
    if count > MATRIX_COMBINATIONS_MAX * 4 {
        return Err(too_many(matrix, count));
    }
    let mut combinations = vec![Vec::new()];
    for (name, values) in &matrix.axes {
        let mut longer = Vec::with_capacity(combinations.len() * values.len());
        for combination in &combinations {
            for value in values {
                let mut next: Vec<(String, Value)> = combination.clone();
                next.push((name.value.clone(), value.value.clone()));
                longer.push(next);
            }
        }
        combinations = longer;
    }
    let original_count = matrix.axes.len();
    Ok(combinations.into_iter().map(|values| Combination { values, original_count }).collect())
}

fn too_many(matrix: &Matrix, count: usize) -> Diagnostic {
    let message = format!("the matrix has {count} combinations; {MATRIX_COMBINATIONS_MAX} are allowed");
    Diagnostic::new(DiagnosticCode::TooLarge, matrix.place, message)
        .help("use fewer values, `exclude`, or several jobs")
}

fn is_excluded(combination: &Combination, entry: &file::Combination) -> bool {
    !entry.is_empty()
        && entry.iter().all(|(name, value)| combination.get(&name.value).is_some_and(|found| *found == value.value))
}

fn collect_words(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => words.push(value.to_text()),
        Value::Array(items) => items.iter().for_each(|item| collect_words(item, words)),
        Value::Object(entries) => entries.iter().for_each(|(_, value)| collect_words(value, words)),
    }
}
