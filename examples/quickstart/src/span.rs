//! Spans of time such as `1h30m`, in seconds.

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Seconds of a text such as `1d2h`, `90s` or `1h30m`: units in falling order, each at most once.
///
/// ```
/// assert_eq!(quickstart::span::read("1h30m"), Some(5_400));
/// ```
pub fn read(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut seconds = 0u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
        let count: u64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].chars().next()?;
        let (_, length) = units.find(|(sign, _)| *sign == unit)?;
        seconds = seconds.checked_add(count.checked_mul(*length)?)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    (!text.is_empty()).then_some(seconds)
}

/// The shortest text that [`read`] reads as `seconds`.
pub fn write(seconds: u64) -> String {
    if seconds == 0 {
        return "0s".to_owned();
    }
    let mut left = seconds;
    let mut text = String::new();
    for (sign, length) in UNITS {
        let count = left / length;
        left %= length;
        if count > 0 {
            text.push_str(&count.to_string());
            text.push(sign);
        }
    }
    text
}
