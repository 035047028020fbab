//! The names that an expression may use: contexts and functions.

use super::syntax::{ExpressionError, Place};
use crate::pipeline::suggestion::nearest;

/// A group of values that an expression may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContextName {
    /// Values of the job's combination of its matrix. Known when the file is compiled.
    Matrix,
    /// Environment variables.
    Env,
    /// Results and outputs of the jobs that this one needs.
    Needs,
    /// Outputs and outcomes of the job's steps so far.
    Steps,
    /// The run, the job, the attempt, the shard.
    Muster,
}

/// A function that an expression may call. Names are not case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Whether everything before passed.
    Success,
    /// Whether something before failed.
    Failure,
    /// True.
    Always,
    /// Whether the run was cancelled.
    Cancelled,
    /// Whether a text holds another (without regard to case), or an array an item.
    Contains,
    /// Whether a text starts with another, without regard to case.
    StartsWith,
    /// Whether a text ends with another, without regard to case.
    EndsWith,
    /// Replaces `{0}`, `{1}` … in a text.
    Format,
    /// Joins the items of an array.
    Join,
    /// The JSON of a value.
    ToJson,
    /// The value of a JSON text.
    FromJson,
}

impl ContextName {
    /// Every context.
    pub const ALL: &[Self] = &[Self::Matrix, Self::Env, Self::Needs, Self::Steps, Self::Muster];

    /// The name as it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Matrix => "matrix",
            Self::Env => "env",
            Self::Needs => "needs",
            Self::Steps => "steps",
            Self::Muster => "muster",
        }
    }

    pub(super) fn parse(word: &str, place: Place) -> Result<Self, ExpressionError> {
        if let Some(name) = Self::ALL.iter().find(|name| name.word().eq_ignore_ascii_case(word)) {
            return Ok(*name);
        }
        if let Some((word, instead)) = ELSEWHERE.iter().find(|(other, _)| other.eq_ignore_ascii_case(word)) {
            return Err(ExpressionError::new(place, format!("there is no context `{word}` in Muster")).help(*instead));
        }
        let error = ExpressionError::new(place, format!("unknown context `{word}`"));
        Err(match nearest(word, Self::ALL.iter().map(|name| name.word())) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error.help(format!(
                "contexts are `matrix`, `env`, `needs`, `steps` and `muster`; a text stands in single quotes: '{word}'"
            )),
        })
    }
}

impl Function {
    /// Every function.
    pub const ALL: &[Self] = &[
        Self::Success,
        Self::Failure,
        Self::Always,
        Self::Cancelled,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::Format,
        Self::Join,
        Self::ToJson,
        Self::FromJson,
    ];

    /// The name as it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Always => "always",
            Self::Cancelled => "cancelled",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Format => "format",
            Self::Join => "join",
            Self::ToJson => "toJSON",
            Self::FromJson => "fromJSON",
        }
    }

    /// Whether it asks how the work before went, which only `if` may.
    #[must_use]
    pub const fn is_status(self) -> bool {
        match self {
            Self::Success | Self::Failure | Self::Always | Self::Cancelled => true,
            Self::Contains
            | Self::StartsWith
            | Self::EndsWith
            | Self::Format
            | Self::Join
            | Self::ToJson
            | Self::FromJson => false,
        }
    }

    /// Least and most arguments.
    const fn arity(self) -> (usize, usize) {
        match self {
            Self::Success | Self::Failure | Self::Always | Self::Cancelled => (0, 0),
            Self::Contains | Self::StartsWith | Self::EndsWith => (2, 2),
            Self::Format => (1, 255),
            Self::Join => (1, 2),
            Self::ToJson | Self::FromJson => (1, 1),
        }
    }

    pub(super) fn parse(word: &str, place: Place) -> Result<Self, ExpressionError> {
        if let Some(function) = Self::ALL.iter().find(|function| function.word().eq_ignore_ascii_case(word)) {
            return Ok(*function);
        }
        if word.eq_ignore_ascii_case("hashFiles") {
            return Err(ExpressionError::new(place, "`hashFiles` is not supported yet")
                .help("compute the hash in a step and hand it over as an output"));
        }
        let error = ExpressionError::new(place, format!("unknown function `{word}`"));
        Err(match nearest(word, Self::ALL.iter().map(|function| function.word())) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => {
                let names: Vec<_> = Self::ALL.iter().map(|function| function.word()).collect();
                error.help(format!("functions are {}", names.join(", ")))
            }
        })
    }

    pub(super) fn check_arguments(self, count: usize, place: Place) -> Result<(), ExpressionError> {
        let (least, most) = self.arity();
        if (least..=most).contains(&count) {
            return Ok(());
        }
        let wanted = match (least, most) {
            (0, 0) => "no arguments".to_owned(),
            (1, 1) => "1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, 255) => format!("at least {least} argument"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        Err(ExpressionError::new(place, format!("`{}` takes {wanted}, found {count}", self.word())))
    }
}

/// Contexts of GitHub Actions that Muster does not have, with what to do instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("github", "the caller hands over what the run needs as variables: `muster run --env KEY=VALUE`, then `env.KEY`"),
    ("secrets", "secrets are not supported yet"),
    ("vars", "write the value into `env`, or hand it over with `muster run --env KEY=VALUE`"),
    ("inputs", "the caller hands over values as variables: `muster run --env KEY=VALUE`, then `env.KEY`"),
    ("runner", "ask for what the job needs with `runs-on`; scripts find out the rest by themselves"),
    ("job", "the job's name is `muster.job`; how its steps went is asked with `success()` and `failure()`"),
    ("jobs", "results of other jobs are `needs.<job>.result` and `needs.<job>.outputs.<name>`"),
    ("strategy", "the values of the job's combination are in `matrix`"),
];
