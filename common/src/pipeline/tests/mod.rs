//! Whole files: the good ones with the run that they stand for, the bad ones with what is said about them.

mod hostile;
mod reference;
mod schema;

use std::path::Path;

use super::{CompileOptions, Source, compile};

#[test]
fn good_files_lower_to_these_runs() {
    insta::glob!("good/*.yml", |path| {
        let run = compile_file(path).unwrap_or_else(|error| panic!("{}:\n{error}", path.display()));
        insta::assert_json_snapshot!(run);
    });
}

#[test]
fn bad_files_are_refused_in_these_words() {
    insta::glob!("bad/*.yml", |path| {
        let error = compile_file(path).expect_err("the files under bad/ are bad");
        assert!(!error.records().is_empty(), "{}", path.display());
        insta::assert_snapshot!(error);
    });
}

#[test]
fn diagnostics_are_data_too() {
    let bytes = b"jobs:\n  \xc3\xa9: {}\n  unit:\n    run-on: linux\n    steps: [{ run: x }]\n";
    let error = compile(&Source { name: "muster.yml", bytes }, &options()).expect_err("`run-on` is not a key");
    insta::assert_json_snapshot!(error.records());
    assert!(error.render_coloured().contains("\u{1b}["), "colours are escape sequences");
    assert!(!error.to_string().contains('\u{1b}'), "plain text has none");
}

#[test]
fn variables_of_the_caller_stand_for_themselves_and_win() {
    let bytes = b"env: { A: file, B: file }\njobs: { a: { if: env.A == 'caller', steps: [{ run: x }] } }\n";
    let mut options = options();
    options.env = [("A".to_owned(), "caller".to_owned()), ("C".to_owned(), "${{ x }}".to_owned())].into();
    let run = compile(&Source { name: "muster.yml", bytes }, &options).expect("the file is good");
    assert_eq!(run.jobs[0].condition, None, "the condition holds by what the caller says");
    let value = super::expression::interpolate(&run.env["C"], &super::expression::Context::default());
    assert_eq!(value.as_deref(), Ok("${{ x }}"));
    assert_eq!(run.env["B"], "file");
}

fn compile_file(path: &Path) -> Result<crate::spec::RunSpec, super::Diagnostics> {
    let bytes = std::fs::read(path).expect("the files of this test are in the repository");
    compile(&Source { name: "muster.yml", bytes: &bytes }, &options())
}

fn options() -> CompileOptions {
    CompileOptions { project: "demo".to_owned(), name: "demo".to_owned(), env: crate::spec::Env::new() }
}
