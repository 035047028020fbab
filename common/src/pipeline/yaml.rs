//! From the bytes of a file to its tree.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error, Location, NonFiniteFloatPolicy, Options};

use super::diagnostic::{Diagnostic, DiagnosticCode, shown};
use super::node::{Node, Raw, span_of};
use super::place::Span;
use crate::limits::PIPELINE_FILE_BYTES_MAX;

/// The text of a file, or what is wrong with its bytes.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, Diagnostic> {
    if bytes.len() > PIPELINE_FILE_BYTES_MAX {
        let message = format!("the file is larger than a pipeline file may be, {PIPELINE_FILE_BYTES_MAX} bytes");
        return Err(Diagnostic::new(DiagnosticCode::TooLarge, Span::default(), message)
            .help("is this the right file? move long scripts into files of their own and call those"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let start = error.valid_up_to();
        Diagnostic::new(DiagnosticCode::NotUtf8, Span::new(start, start + 1), "the file is not UTF-8 text")
            .label(format!("the byte 0x{:02x} is not part of a character", bytes[start]))
            .help("save the file as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The tree of a file. What stands twice is reported in `found`.
pub(super) fn tree_of(text: &str, found: &mut Vec<Diagnostic>) -> Result<Node, Diagnostic> {
    match serde_saphyr::from_str_with_options::<Option<Raw>>(text, options()) {
        Ok(Some(raw)) => Ok(raw.into_node(text, found)),
        Ok(None) => Err(empty()),
        Err(Error::Eof { .. }) => Err(empty()),
        Err(error) => Err(syntax_error(text, &error)),
    }
}

fn empty() -> Diagnostic {
    Diagnostic::new(DiagnosticCode::Empty, Span::default(), "the file is empty")
        .label("expected a mapping with the key `jobs`")
        .help("`muster init` writes a file to begin with")
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: NODES_MAX * 2,
            max_aliases: ALIASES_MAX,
            max_anchors: ALIASES_MAX,
            max_total_scalar_bytes: PIPELINE_FILE_BYTES_MAX * 2,
            max_documents: 2,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES_MAX,
            max_replay_stack_depth: DEPTH_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        emit_comments: false,
    }
}

fn syntax_error(text: &str, error: &Error) -> Diagnostic {
    let mut error = error.without_snippet();
    let span = error.location().map_or(Span::default(), |location| error_span(location, text));
    while let Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    if let Some(tab) = tab_near(text, span) {
        return tab;
    }
    match error {
        Error::UnsupportedTag { tag, .. } => tag_error(text, span, tag),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            Diagnostic::new(DiagnosticCode::TooLarge, span, "the file is nested too deeply")
                .label(format!("more than {DEPTH_MAX} levels"))
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            Diagnostic::new(DiagnosticCode::TooLarge, span, "the file has too many parts, its aliases written out")
                .label("the limit is reached here")
                .help("repeat less with `*alias`, or nest less deeply")
        }
        Error::MergeKeyNotAllowed { .. } => {
            Diagnostic::new(DiagnosticCode::Unsupported, span, "the merge key `<<` is not supported")
                .help("GitHub Actions has none either; repeat a whole value with `&name` and `*name`")
        }
        Error::MultipleDocuments { .. } => {
            Diagnostic::new(DiagnosticCode::Syntax, span, "a pipeline file holds one YAML document, found another one")
                .help("remove what follows `---`, or make it a file of its own")
        }
        Error::UnknownAnchor { .. } => unknown_anchor(span),
        Error::ExternalMessage { msg, .. } if msg.contains("unknown anchor") => unknown_anchor(span),
        _ => Diagnostic::new(DiagnosticCode::Syntax, span, "this is not YAML").label(label_of(error)),
    }
}

fn unknown_anchor(span: Span) -> Diagnostic {
    Diagnostic::new(DiagnosticCode::Syntax, span, "this alias names an anchor that does not stand above it")
        .help("a text that begins with `*` stands in quotes")
}

/// `if: !cancelled()` is a tag to YAML.
fn tag_error(text: &str, near: Span, tag: &str) -> Diagnostic {
    let line_start = text[..near.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let message = format!("YAML reads {} as a tag", shown(tag));
    match line.find('!') {
        Some(offset) => {
            let expression = line[offset..].trim();
            let span = Span::new(line_start + offset, line_start + offset + expression.len());
            Diagnostic::new(DiagnosticCode::Syntax, span, message)
                .label("a plain value cannot begin with `!`")
                .help(format!("as an expression: `${{{{ {expression} }}}}`; as a text: in quotes"))
        }
        None => Diagnostic::new(DiagnosticCode::Syntax, near, message),
    }
}

/// The place of an error, which the YAML reader knows in characters only.
fn error_span(location: Location, text: &str) -> Span {
    if location.span().byte_offset().is_some() {
        return span_of(location, text);
    }
    let characters = usize::try_from(location.span().offset()).unwrap_or(usize::MAX);
    let start = text.char_indices().nth(characters).map_or(text.trim_end().len(), |(at, _)| at);
    Span::new(start, text.ceil_char_boundary((start + 1).min(text.len())))
}

/// A tab in the indentation, which is what went wrong if the reader stumbled there or just after it.
fn tab_near(text: &str, span: Span) -> Option<Diagnostic> {
    // The reader may also stumble at the end of the line before.
    let last = text[span.end..].find('\n').map_or(text.len(), |newline| span.end + newline + 1);
    let mut line_start = 0;
    let mut found = None;
    for line in text.split_inclusive('\n') {
        if line_start > last {
            break;
        }
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        let is_blank = line.trim().is_empty();
        if let Some(tab) = line[..indentation].find('\t').filter(|_| !is_blank) {
            found = Some((line_start + tab, line_start + line.len()));
        }
        line_start += line.len();
    }
    let (tab, line_end) = found.filter(|(_, line_end)| *line_end + NEAR_BYTES >= span.start)?;
    let line = text[..tab].matches('\n').count() + 1;
    let column = text[..tab].rfind('\n').map_or(tab, |newline| tab - newline - 1) + 1;
    debug_assert!(line_end > tab, "a tab stands before the end of its line");
    let message = format!("YAML indents with spaces; a tab is at line {line}, column {column}");
    Some(
        Diagnostic::new(DiagnosticCode::Tab, Span::new(tab, tab + 1), message)
            .label("expected spaces, found a tab")
            .help("replace the tab by spaces"),
    )
}

/// What the YAML reader says, without the place, which is shown anyway.
fn label_of(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let said = line.rsplit_once(" at line ").map_or(line, |(said, _)| said);
    said.chars().filter(|c| !c.is_control()).take(LABEL_CHARS_MAX).collect()
}

/// Levels of nesting. The deepest thing that a pipeline file can hold has fewer than ten.
const DEPTH_MAX: usize = 48;
/// Parts of a file, aliases written out.
const NODES_MAX: usize = 100_000;
/// Anchors, and aliases of them.
const ALIASES_MAX: usize = 1_000;
/// How far after a tab the reader may stumble over it.
const NEAR_BYTES: usize = 200;
/// Characters of what the YAML reader says.
const LABEL_CHARS_MAX: usize = 160;
