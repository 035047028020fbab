//! Numbers and numerals, both ways.

use quickstart::roman::{read, write};

/// One test a line: the numeral is written and read back.
macro_rules! numerals {
    ($($name:ident: $number:literal <=> $numeral:literal;)*) => {
        $(
            #[test]
            fn $name() {
                assert_eq!(write($number).as_deref(), Some($numeral));
                assert_eq!(read($numeral), Some($number));
            }
        )*
    };
}

/// One test a line: not a numeral.
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

numerals! {
    n1: 1 <=> "I";
    n2: 2 <=> "II";
    n3: 3 <=> "III";
    n4: 4 <=> "IV";
    n5: 5 <=> "V";
    n6: 6 <=> "VI";
    n7: 7 <=> "VII";
    n8: 8 <=> "VIII";
    n9: 9 <=> "IX";
    n10: 10 <=> "X";
    n11: 11 <=> "XI";
    n12: 12 <=> "XII";
    n13: 13 <=> "XIII";
    n14: 14 <=> "XIV";
    n15: 15 <=> "XV";
    n16: 16 <=> "XVI";
    n17: 17 <=> "XVII";
    n18: 18 <=> "XVIII";
    n19: 19 <=> "XIX";
    n20: 20 <=> "XX";
    n21: 21 <=> "XXI";
    n22: 22 <=> "XXII";
    n23: 23 <=> "XXIII";
    n24: 24 <=> "XXIV";
    n25: 25 <=> "XXV";
    n26: 26 <=> "XXVI";
    n27: 27 <=> "XXVII";
    n28: 28 <=> "XXVIII";
    n29: 29 <=> "XXIX";
    n30: 30 <=> "XXX";
    n31: 31 <=> "XXXI";
    n32: 32 <=> "XXXII";
    n33: 33 <=> "XXXIII";
    n34: 34 <=> "XXXIV";
    n35: 35 <=> "XXXV";
    n36: 36 <=> "XXXVI";
    n37: 37 <=> "XXXVII";
    n38: 38 <=> "XXXVIII";
    n39: 39 <=> "XXXIX";
    n40: 40 <=> "XL";
    n44: 44 <=> "XLIV";
    n49: 49 <=> "XLIX";
    n50: 50 <=> "L";
    n90: 90 <=> "XC";
    n99: 99 <=> "XCIX";
    n100: 100 <=> "C";
    n400: 400 <=> "CD";
    n444: 444 <=> "CDXLIV";
    n499: 499 <=> "CDXCIX";
    n500: 500 <=> "D";
    n888: 888 <=> "DCCCLXXXVIII";
    n900: 900 <=> "CM";
    n999: 999 <=> "CMXCIX";
    n1000: 1000 <=> "M";
    n1066: 1066 <=> "MLXVI";
    n1492: 1492 <=> "MCDXCII";
    n1666: 1666 <=> "MDCLXVI";
    n1776: 1776 <=> "MDCCLXXVI";
    n1888: 1888 <=> "MDCCCLXXXVIII";
    n1944: 1944 <=> "MCMXLIV";
    n1987: 1987 <=> "MCMLXXXVII";
    n1999: 1999 <=> "MCMXCIX";
    n2000: 2000 <=> "MM";
    n2024: 2024 <=> "MMXXIV";
    n2421: 2421 <=> "MMCDXXI";
    n2999: 2999 <=> "MMCMXCIX";
    n3000: 3000 <=> "MMM";
    n3333: 3333 <=> "MMMCCCXXXIII";
    n3888: 3888 <=> "MMMDCCCLXXXVIII";
    n3999: 3999 <=> "MMMCMXCIX";
}

refused! {
    four_ones: "IIII";
    five_ones: "IIIII";
    two_fives: "VV";
    two_fifties: "LL";
    two_five_hundreds: "DD";
    one_before_fifty: "IL";
    one_before_hundred: "IC";
    one_before_thousand: "IM";
    five_before_ten: "VX";
    ten_before_thousand: "XM";
    nine_then_one: "IXI";
    four_then_one: "IVI";
    lower_case: "xiv";
    a_space: "X V";
    nothing: "";
    a_word: "ROMA";
    digits: "14";
    four_thousand: "MMMM";
    ninety_then_ten: "XCX";
    one_one_before_ten: "IIX";
    a_leading_space: " X";
    a_trailing_space: "X ";
}

#[test]
fn zero_has_no_numeral() {
    assert_eq!(write(0), None);
}

#[test]
fn four_thousand_has_no_numeral() {
    assert_eq!(write(4_000), None);
}

#[test]
fn every_number_reads_back() {
    for number in 1..=3_999 {
        let numeral = write(number).expect("it is in the range");
        assert_eq!(read(&numeral), Some(number), "{numeral}");
    }
}
