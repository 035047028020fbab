//! The generated pages of `docs/reference`: a test fails where they are not what the code says.
//! `MUSTER_UPDATE_GENERATED=1 cargo nextest run -p muster-cli reference` writes them anew.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};

use crate::arguments::Arguments;
use crate::exit_code::{ExitCode, PRECEDENCE};

#[test]
fn the_page_about_the_command_line_is_what_the_code_says() {
    let mut text = format!("# The command line\n\n{GENERATED}\n\n");
    let mut muster = Arguments::command().term_width(100);
    muster.build();
    text.push_str(&section(&muster, "muster", 2));
    text.push_str(&sections_within(&muster, "muster", 2));
    is_current("cli.md", &text);
}

#[test]
fn the_page_about_exit_codes_is_what_the_code_says() {
    let mut text = format!("# Exit codes\n\n{GENERATED}\n\n| code | means |\n|---:|---|\n");
    for code in ExitCode::ALL {
        text.push_str(&format!("| {} | {} |\n", code.number(), code.meaning()));
    }
    text.push_str(&format!("\n{PRECEDENCE}\n\n{NOTES}"));
    is_current("exit-codes.md", &text);
}

#[test]
fn the_schema_of_reports_is_what_the_code_says() {
    let text = serde_json::to_string_pretty(&crate::proof::schema()).expect("a schema is plain JSON");
    is_current("report.schema.json", &text);
}

/// The sections of all commands within a command, each followed by those within it.
fn sections_within(command: &Command, name: &str, depth: usize) -> String {
    let mut text = String::new();
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        let name = format!("{name} {}", inner.get_name());
        text.push_str(&section(inner, &name, depth));
        text.push_str(&sections_within(inner, &name, depth + 1));
    }
    text
}

fn section(command: &Command, name: &str, depth: usize) -> String {
    let help = command.clone().term_width(100).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("{} {name}\n\n```text\n{}\n```\n\n", "#".repeat(depth), help.join("\n").trim_end())
}

fn is_current(page: &str, text: &str) {
    let text = format!("{}\n", text.trim_end());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(page);
    if std::env::var_os("MUSTER_UPDATE_GENERATED").is_some() {
        fs::write(&path, &text).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "docs/reference/{page} is not what the code says; MUSTER_UPDATE_GENERATED=1 writes it anew");
}

const GENERATED: &str =
    "Generated from the code by `MUSTER_UPDATE_GENERATED=1 cargo nextest run -p muster-cli reference`.";

const NOTES: &str = "\
What each code tells a script:

- 100 and 101 are the user's code saying no. 101 is a `steps` job that failed, a build of tests that failed, or tests that
  could not be listed because of the user's code, such as a syntax error in a test file.
- 4 is a test job that found nothing to run. It is no success: a wrong path or filter looks just like it.
- 75 is worth another try: nothing was said about the user's code. It is also what a report ends with that does not
  account for every discovered test, whatever the verdict of its run.
- A job with `continue-on-error` decides nothing.
- 130 comes from Ctrl-C and TERM. The first cancels the run and waits for its end; the second ends the command at once,
  and on a fleet the run may then go on. `muster watch` leaves the run alone.
- 2 comes before anything is run: a command line, an environment variable, a pipeline file, or a run, a job or a folder
  that does not exist.
- Commands that only read end with 0, 2 or 75.
";
