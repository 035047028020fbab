//! `quickstart roman 14`, `quickstart arabic XIV`, `quickstart span 1h30m`.

use std::process::ExitCode;

use quickstart::{roman, span};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let answer = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["roman", number] => number.parse().ok().and_then(roman::write),
        ["arabic", numeral] => roman::read(numeral).map(|number| number.to_string()),
        ["span", text] => span::read(text).map(|seconds| seconds.to_string()),
        _ => None,
    };
    match answer {
        Some(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("usage: quickstart roman NUMBER | arabic NUMERAL | span TEXT");
            ExitCode::FAILURE
        }
    }
}
