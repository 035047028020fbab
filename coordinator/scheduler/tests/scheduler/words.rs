//! A line of a script, cut into words.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use muster_common::id::{TestIndex, Token};

/// Words, some of which are `key=value`. A word in double quotes may hold spaces.
pub(crate) struct Words {
    rest: std::collections::VecDeque<String>,
}

impl Words {
    pub(crate) fn of(line: &str) -> Self {
        let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
        for letter in line.chars() {
            match letter {
                '"' => is_quoted = !is_quoted,
                ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
                letter => word.push(letter),
            }
        }
        words.push(word);
        Self { rest: words.into_iter().filter(|word| !word.is_empty()).collect() }
    }

    /// The next word.
    pub(crate) fn next(&mut self) -> Result<String> {
        self.rest.pop_front().context("the line ends too early")
    }

    /// The value of `key=value`, wherever it stands.
    pub(crate) fn value(&mut self, key: &str) -> Option<String> {
        let start = format!("{key}=");
        let place = self.rest.iter().position(|word| word.starts_with(&start))?;
        self.rest.remove(place).map(|word| word[start.len()..].to_owned())
    }

    /// Whether a bare word stands anywhere.
    pub(crate) fn flag(&mut self, word: &str) -> bool {
        let place = self.rest.iter().position(|found| found == word);
        place.map(|place| self.rest.remove(place)).is_some()
    }

    /// The parts of `key=a,b,c`; none if the key is not there.
    pub(crate) fn list(&mut self, key: &str) -> Vec<String> {
        let value = self.value(key).unwrap_or_default();
        value.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    pub(crate) fn remaining(&mut self) -> Vec<String> {
        self.rest.drain(..).collect()
    }

    /// An error if a word was not understood.
    pub(crate) fn end(self) -> Result<()> {
        match self.rest.front() {
            Some(word) => bail!("the word `{word}` is not understood here"),
            None => Ok(()),
        }
    }
}

pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().ok().with_context(|| format!("`{text}` is not a number"))
}

pub(crate) fn token(text: &str) -> Result<Token> {
    text.parse().ok().with_context(|| format!("`{text}` is not a token"))
}

pub(crate) fn tests(text: &str) -> Result<Vec<TestIndex>> {
    text.split(',').filter(|part| !part.is_empty()).map(|part| number(part).map(TestIndex)).collect()
}

/// `5s`, `1.5s`, `20ms`, `2h`.
pub(crate) fn span(text: &str) -> Result<Duration> {
    for (unit, seconds) in [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)] {
        if let Some(count) = text.strip_suffix(unit)
            && let Ok(count) = count.parse::<f64>()
        {
            return Ok(Duration::from_micros((count * seconds * 1e6).round() as u64));
        }
    }
    bail!("`{text}` is not a time span such as 1.5s")
}
