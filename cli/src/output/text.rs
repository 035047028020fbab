//! Pieces of text: names and outputs that cannot harm a terminal, durations, sizes, plurals.

use std::fmt::Write as _;
use std::time::Duration;

/// `text` on one line, with every control character written out, so that a name can neither move the cursor nor pass
/// for something else.
pub(crate) fn one_line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if is_harmful(character) => push_escaped(&mut safe, character),
            _ => safe.push(character),
        }
    }
    safe
}

/// The first line of a message that may have more of them.
pub(crate) fn first_line(text: &str) -> String {
    let line = text.trim_end().lines().next().unwrap_or_default();
    one_line(line.strip_suffix(':').unwrap_or(line))
}

/// Lines of what a test or a command wrote: colours are taken out, every other control character is written out.
pub(crate) fn lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let plain = console::strip_ansi_codes(&text);
    plain.lines().map(safe_line).collect()
}

fn safe_line(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    for character in line.trim_end_matches('\r').chars() {
        match character {
            '\t' => safe.push_str("    "),
            _ if is_harmful(character) => push_escaped(&mut safe, character),
            _ => safe.push(character),
        }
    }
    safe
}

/// Control characters, and those that change the direction of what follows.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_escaped(text: &mut String, character: char) {
    let number = u32::from(character);
    let written = if number < 0x100 { write!(text, "\\x{number:02x}") } else { write!(text, "\\u{{{number:x}}}") };
    written.expect("writing to a string does not fail");
}

/// A span as people read it: `0.25 s`, `12.3 s`, `3 min 05 s`, `2 h 03 min`.
pub(crate) fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{:.2} s", span.as_secs_f64()),
        1..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A span in whole seconds, for what changes while one looks at it.
pub(crate) fn whole_seconds(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { duration(Duration::from_secs(seconds)) }
}

/// A size as people read it.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1_024 {
        return format!("{count} B");
    }
    let exponent = (count.ilog2() / 10).min(4);
    let unit = UNITS[exponent as usize - 1];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = count as f64 / f64::from(1_u32 << 10).powi(i32::try_from(exponent).unwrap_or(4));
    format!("{value:.1} {unit}")
}

/// `1 test`, `2 tests`.
pub(crate) fn counted(count: impl Into<u64>, noun: &str) -> String {
    let count = count.into();
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A moment in this machine's time zone, to the second.
pub(crate) fn moment(unix_ms: u64) -> String {
    let moment = i64::try_from(unix_ms).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    match moment {
        Some(moment) => moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(one_line("a\x1b[2Jb\nc\td\u{202e}e\u{9b}é☃"), "a\\x1b[2Jb\\nc\\td\\u{202e}e\\x9bé☃");
    }

    #[test]
    fn output_loses_its_colours_and_keeps_its_lines() {
        assert_eq!(lines(b"\x1b[31mred\x1b[0m\r\nba\x07d\xff\n\tx"), ["red", "ba\\x07d\u{fffd}", "    x"]);
    }

    #[test]
    fn spans_and_sizes_are_short() {
        let spans = [(30, "0.03 s"), (12_340, "12.3 s"), (185_000, "3 min 05 s"), (7_380_000, "2 h 03 min")];
        for (millis, expected) in spans {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        for (count, expected) in [(12, "12 B"), (1_536, "1.5 KiB"), (5 << 30, "5.0 GiB"), (3 << 50, "3072.0 TiB")] {
            assert_eq!(bytes(count), expected);
        }
        assert_eq!((counted(1_u32, "test"), counted(0_u32, "test")), ("1 test".to_owned(), "0 tests".to_owned()));
    }
}
