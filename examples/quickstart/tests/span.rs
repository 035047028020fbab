//! Spans of time, both ways.

use quickstart::span::{read, write};

/// One test a line: the text is read, and written the same.
macro_rules! spans {
    ($($name:ident: $text:literal <=> $seconds:literal;)*) => {
        $(
            #[test]
            fn $name() {
                assert_eq!(read($text), Some($seconds));
                assert_eq!(write($seconds), $text);
            }
        )*
    };
}

/// One test a line: no span.
macro_rules! refused {
    ($($name:ident: $text:literal;)*) => {
        $(
            #[test]
            fn $name() {
                assert_eq!(read($text), None);
            }
        )*
    };
}

spans! {
    one_second: "1s" <=> 1;
    one_minute: "1m" <=> 60;
    one_hour: "1h" <=> 3600;
    one_day: "1d" <=> 86400;
    an_hour_and_a_half: "1h30m" <=> 5400;
    a_day_and_a_second: "1d1s" <=> 86401;
    all_units: "1d2h3m4s" <=> 93784;
    twenty_three_hours: "23h" <=> 82800;
    fifty_nine_minutes: "59m" <=> 3540;
    fifty_nine_seconds: "59s" <=> 59;
    a_hundred_days: "100d" <=> 8640000;
    a_minute_and_a_second: "1m1s" <=> 61;
    two_days_three_minutes: "2d3m" <=> 172980;
    twelve_hours: "12h" <=> 43200;
    twelve_hours_twelve_seconds: "12h12s" <=> 43212;
    nothing_at_all: "0s" <=> 0;
}

refused! {
    empty: "";
    no_unit: "90";
    no_number: "h";
    an_unknown_unit: "1w";
    a_rising_order: "1m1h";
    a_unit_twice: "1m1m";
    a_negative: "-1s";
    a_fraction: "1.5h";
    a_space_between: "1h 30m";
    upper_case: "1H";
    a_number_at_the_end: "1h30";
    too_large: "99999999999999999999s";
    too_large_a_product: "999999999999999999d";
    another_script: "１h";
}

#[test]
fn longer_forms_are_read_too() {
    assert_eq!(read("90m"), Some(5_400));
    assert_eq!(read("86400s"), Some(86_400));
}
