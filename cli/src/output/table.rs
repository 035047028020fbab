//! Aligned tables that fit the terminal.

use std::borrow::Cow;

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use crate::output::text::one_line;

/// Rows under headings. One column gives way when the terminal is too narrow.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    flexible: usize,
}

impl Table {
    /// A table with these headings; the column `flexible` is cut where the line would not fit.
    pub(crate) fn new<const N: usize>(headings: [&'static str; N], flexible: usize) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), flexible }
    }

    /// One more row, with a cell for each heading.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| one_line(cell)).collect());
    }

    /// Lines of at most `width` columns where the flexible column can give way enough.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = self.headings.iter().map(|heading| heading.len()).collect();
        for row in &self.rows {
            for (column, cell) in widths.iter_mut().zip(row) {
                *column = (*column).max(measure_text_width(cell));
            }
        }
        if let Some(width) = width {
            let all = widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1);
            let flexible = &mut widths[self.flexible];
            *flexible = flexible.saturating_sub(all.saturating_sub(width)).max(FLEXIBLE_MIN.min(*flexible));
        }
        let mut text = line(self.headings.iter().copied(), &widths);
        for row in &self.rows {
            text.push_str(&line(row.iter().map(String::as_str), &widths));
        }
        text
    }
}

/// Columns of the terminal; none when standard output is not one.
pub(crate) fn terminal_width() -> Option<usize> {
    console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

fn line<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let padded: Vec<Cow<'_, str>> = cells
        .zip(widths)
        .map(|(cell, width)| {
            let cut = truncate_str(cell, *width, "…").into_owned();
            pad_str(&cut, *width, Alignment::Left, None).into_owned().into()
        })
        .collect();
    let mut line = padded.join(GAP);
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

const GAP: &str = "  ";
const FLEXIBLE_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_one_gives_way() {
        let mut table = Table::new(["RUN", "NAME", "STATE"], 1);
        table.push(["12".to_owned(), "a pipeline with a long name".to_owned(), "passed".to_owned()]);
        table.push(["3".to_owned(), "bell\u{7}☃".to_owned(), "failed".to_owned()]);
        assert_eq!(
            table.render(Some(30)),
            "RUN  NAME               STATE\n12   a pipeline with …  passed\n3    bell\\x07☃          failed\n"
        );
        assert!(table.render(None).contains("a pipeline with a long name"));
    }
}
