//! Roman numerals from 1 to 3999.

const SIGNS: [(u16, &str); 13] = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

/// The numeral of `number`; none outside 1 to 3999.
///
/// ```
/// assert_eq!(quickstart::roman::write(14).as_deref(), Some("XIV"));
/// ```
pub fn write(number: u16) -> Option<String> {
    if !(1..=3999).contains(&number) {
        return None;
    }
    let mut left = number;
    let mut text = String::new();
    for (value, sign) in SIGNS {
        while left >= value {
            text.push_str(sign);
            left -= value;
        }
    }
    Some(text)
}

/// The number that `text` stands for; none if it is not written as [`write`] writes it.
///
/// ```
/// assert_eq!(quickstart::roman::read("XIV"), Some(14));
/// assert_eq!(quickstart::roman::read("XIIII"), None);
/// ```
pub fn read(text: &str) -> Option<u16> {
    let mut rest = text;
    let mut number = 0u16;
    for (value, sign) in SIGNS {
        while let Some(after) = rest.strip_prefix(sign) {
            number = number.checked_add(value)?;
            rest = after;
        }
    }
    let is_exact = rest.is_empty() && write(number).as_deref() == Some(text);
    is_exact.then_some(number)
}
