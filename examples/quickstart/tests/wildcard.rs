//! Wildcards.

use quickstart::wildcard::fits;

/// One test a line: the pattern, the text, and whether they fit.
macro_rules! patterns {
    ($($name:ident: $pattern:literal, $text:literal => $expected:literal;)*) => {
        $(
            #[test]
            fn $name() {
                assert_eq!(fits($pattern, $text), $expected);
            }
        )*
    };
}

patterns! {
    the_same: "abc", "abc" => true;
    a_star_takes_all: "*", "anything" => true;
    a_star_takes_nothing: "*", "" => true;
    nothing_fits_nothing: "", "" => true;
    nothing_fits_no_text: "", "a" => false;
    an_ending: "*.rs", "lib.rs" => true;
    another_ending: "*.rs", "lib.py" => false;
    a_beginning: "lib*", "lib.rs" => true;
    a_middle: "a*c", "abbbc" => true;
    an_empty_middle: "a*c", "ac" => true;
    one_sign: "a?c", "abc" => true;
    one_sign_is_not_none: "a?c", "ac" => false;
    one_sign_is_not_two: "a?c", "abbc" => false;
    two_stars: "*b*", "abc" => true;
    two_stars_without_it: "*b*", "acc" => false;
    stars_in_a_row: "a**c", "abc" => true;
    a_star_at_the_end: "abc*", "abc" => true;
    only_a_part: "b", "abc" => false;
    upper_case_differs: "ABC", "abc" => false;
    back_to_the_star: "*ab", "aab" => true;
    back_to_the_star_twice: "*aab", "aaaab" => true;
    a_sign_of_two_bytes: "?", "é" => true;
    a_sign_of_four_bytes: "?", "🦀" => true;
    star_and_sign: "*?", "a" => true;
    star_and_sign_of_nothing: "*?", "" => false;
    a_path: "src/*/mod.rs", "src/a/mod.rs" => true;
    a_dot_is_a_dot: "a.c", "abc" => false;
    many_stars: "*a*b*c*", "xxaxxbxxcxx" => true;
    many_stars_in_a_wrong_order: "*a*b*c*", "xxcxxbxxaxx" => false;
}

#[test]
fn a_hard_pattern_ends_soon() {
    let text = "a".repeat(2_000);
    assert!(!fits(&format!("{}b", "*a".repeat(50)), &text));
}
