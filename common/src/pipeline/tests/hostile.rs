//! Whatever the bytes are, compiling ends with a run or with diagnostics, soon.

use proptest::prelude::*;

use super::options;
use crate::limits::PIPELINE_FILE_BYTES_MAX;
use crate::pipeline::{DiagnosticCode, Diagnostics, Source, compile};

#[test]
fn a_file_that_is_too_large_is_not_read() {
    for bytes in [vec![b'a'; PIPELINE_FILE_BYTES_MAX + 1], vec![0xff; 10 << 20]] {
        let error = compile_bytes(&bytes).expect_err("too large");
        assert_eq!(codes(&error), [DiagnosticCode::TooLarge]);
    }
}

#[test]
fn a_script_that_is_multiplied_is_stopped_before_it_fills_memory() {
    let values: Vec<String> = (0..250).map(|value| value.to_string()).collect();
    let script = "x".repeat(200_000);
    let text = format!(
        "jobs:\n  a:\n    strategy: {{matrix: {{v: [{}]}}}}\n    steps:\n      - run: {script}\n",
        values.join(", ")
    );
    assert_eq!(codes(&compile_bytes(text.as_bytes()).expect_err("50 MB")), [DiagnosticCode::TooLarge]);
    let many: String = (0..5_000).map(|job| format!("  j{job}: {{steps: [{{run: x}}]}}\n")).collect();
    let error = compile_bytes(format!("jobs:\n{many}").as_bytes()).expect_err("5,000 jobs");
    assert_eq!(codes(&error), [DiagnosticCode::TooLarge]);
}

#[test]
fn expressions_that_are_multiplied_are_stopped_before_they_take_minutes() {
    let values: Vec<String> = (0..256).map(|value| value.to_string()).collect();
    let script = "${{ matrix.v && '' }}".repeat(10_000);
    let text = format!(
        "jobs:\n  a:\n    strategy: {{matrix: {{v: [{}]}}}}\n    steps:\n      - run: \"x {script}\"\n",
        values.join(", ")
    );
    assert_eq!(codes(&compile_bytes(text.as_bytes()).expect_err("2,560,000 expressions")), [DiagnosticCode::TooLarge]);
}

#[test]
fn an_anchor_that_is_repeated_is_stopped_before_it_fills_memory() {
    let script = "x".repeat(500_000);
    let aliases = "      - run: *s\n".repeat(900);
    let text = format!("jobs:\n  a:\n    steps:\n      - run: &s {script}\n{aliases}");
    assert_eq!(codes(&compile_bytes(text.as_bytes()).expect_err("450 MB")), [DiagnosticCode::TooLarge]);
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        assert!(compile_bytes(text.as_bytes()).is_err());
    }
}

#[test]
fn a_chain_of_four_thousand_jobs_is_put_in_order() {
    let jobs: String = (0..4_000)
        .rev()
        .map(|job| match job {
            0 => "  j0: {steps: [{run: x}]}\n".to_owned(),
            job => format!("  j{job}: {{needs: j{}, steps: [{{run: x}}]}}\n", job - 1),
        })
        .collect();
    let run = compile_bytes(format!("jobs:\n{jobs}").as_bytes()).expect("a long chain is no fault");
    assert_eq!(run.jobs[3_999].needs, ["j3998"]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = compile_bytes(&bytes);
    }

    #[test]
    fn no_yaml_like_text_makes_it_panic(text in yaml_like()) {
        if let Err(error) = compile_bytes(text.as_bytes()) {
            prop_assert!(!error.to_string().is_empty());
            prop_assert!(!error.records().is_empty());
        }
    }

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(
        file in 0..GOOD.len(),
        at in any::<prop::sample::Index>(),
        cut in 0..6_usize,
        insert in "[ \\t\\n:{}\\[\\]\"'&*!|>$%#é-]{0,4}",
    ) {
        let text = GOOD[file];
        let start = text.floor_char_boundary(at.index(text.len()));
        let end = text.ceil_char_boundary((start + cut).min(text.len()));
        let damaged = format!("{}{insert}{}", &text[..start], &text[end..]);
        if let Err(error) = compile_bytes(damaged.as_bytes()) {
            prop_assert!(!error.to_string().is_empty());
            prop_assert!(error.records().iter().all(|record| record.line >= 1 && record.column >= 1));
        }
    }
}

fn yaml_like() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "jobs:",
        "a:",
        "b:",
        "steps:",
        "- run: x",
        "- test: pytest",
        "test:",
        "runner: generic",
        "needs: b",
        "needs: [a, b]",
        "strategy:",
        "matrix:",
        "x: [1, 2]",
        "include:",
        "- {x: 1}",
        "if: always()",
        "if: ${{ x",
        "env:",
        "A: ${{ env.A }}",
        "*a",
        "&a",
        "<<: *a",
        "!x",
        "|",
        ">-",
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "#",
        "---",
        "é",
        "\t",
        "null",
        "3.10",
    ]);
    let line = (0..8_usize, words).prop_map(|(indent, word)| format!("{}{word}", "  ".repeat(indent)));
    proptest::collection::vec(line, 0..16).prop_map(|lines| lines.join("\n"))
}

fn compile_bytes(bytes: &[u8]) -> Result<crate::spec::RunSpec, Diagnostics> {
    compile(&Source { name: "muster.yml", bytes }, &options())
}

fn codes(error: &Diagnostics) -> Vec<DiagnosticCode> {
    error.records().iter().map(|record| record.code).collect()
}

const GOOD: &[&str] = &[
    include_str!("good/steps.yml"),
    include_str!("good/matrix.yml"),
    include_str!("good/matrix-needs.yml"),
    include_str!("good/nextest.yml"),
    include_str!("good/pytest-prepare.yml"),
    include_str!("good/anchors.yml"),
];
